//! What plans may do and to what: protection, selection, things that go from hand to hand.

mod handover;
mod ignore;
mod import;
mod moved;
mod protect;
mod selection;
mod updates;
