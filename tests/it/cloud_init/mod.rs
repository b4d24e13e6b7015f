//! User-data: taken apart, read for settings, packed for machines.

mod decode;
mod drive;
mod layers;
mod outgoing;
mod sample;
mod server;
mod text;
