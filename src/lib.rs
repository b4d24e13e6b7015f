//! `libmachine`: machines, Docker Engines and compose projects from one checked-in Machinefile.
//!
//! # Architecture
//!
//! Data moves one way:
//!
//! ```text
//! config → desired → catalog → graph → observe → plan → apply → report
//!  what      what     which     how     what      what    doing   telling
//!  was       is       things    they    is        to      it      it
//!  written   meant    it makes  hang    there     do
//! ```
//!
//! [`reconcile`] is the whole program on one page; the command line in [`cli`] is a thin caller of it.
//!
//! # The modules, in reading order
//!
//! - Words, which import nothing but each other: [`id`] (names and identities), [`value`] (attributes and paths),
//!   [`origin`] (where a value was written), [`note`] (findings about input), [`dirs`] (where we may write), [`cover`]
//!   (what of a text is not to be shown).
//! - [`cloud_init`]: user-data taken apart and packed.
//! - [`config`]: texts to one validated Machinefile in which every value knows its place.
//! - [`desired`]: what it means, fully decided, plain data.
//! - [`resource`]: the contract that everything we touch converges through.
//! - [`store`] (our memory: a cache and a journal), [`transport`] (how commands and files reach a machine), [`keyring`]
//!   (the project's key pair).
//! - [`provider`]: where machines come from. [`host`]: what we keep on a machine that can be reached.
//! - [`catalog`]: desired → resources, the list of expansions.
//! - [`graph`]: how resources hang together. [`selection`]: which of them a command is about. [`observe`]: what is there.
//!   [`plan`]: what to do. [`apply`]: doing it.
//! - [`custody`]: machines that are let go and taken over. [`saved`]: a plan in a file, bound to what it was made from.
//! - [`report`]: telling people and programs. [`schema`]: the Machinefile for editors. [`cli`]: the commands.
//!
//! # Invariants
//!
//! 1. Planning is pure: the same graph, observations and records give the same plan.
//! 2. A converged world gives an empty plan.
//! 3. Every step names its reason; what could not be planned says why.
//! 4. Nothing is deleted that does not carry our label.
//! 5. A step starts only when its parents hold.
//! 6. An interrupted apply, run again, ends where an uninterrupted one would have.
//! 7. Absent, present and unreadable are never confused: what cannot be read is not made a second time.
//! 8. Secrets appear in no attribute, plan, event or log.
//! 9. Only `report` and `cli` print.
//! 10. Output and ids come in a stable order.
//! 11. Wire types live at the edge: domain types are not `Serialize`.
//!
//! `tests/it/tidy.rs` holds who may import whom, and how long files and functions may be.

pub mod cover;
pub mod dirs;
pub mod id;
pub mod note;
pub mod origin;
pub mod value;

pub mod cloud_init;
pub mod config;
pub mod desired;
pub mod resource;

pub mod keyring;
pub mod store;
pub mod transport;

pub mod host;
pub mod provider;

pub mod catalog;
pub mod graph;

pub mod selection;

pub mod observe;

pub mod plan;

pub mod apply;

pub mod report;
pub mod schema;

pub mod reconcile;

pub mod custody;
pub mod saved;

pub mod cli;
