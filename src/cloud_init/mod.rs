//! cloud-init's user-data: what it is made of, what of it is ours, and how it goes to a machine. Pure.
//!
//! User-data is one text or several: [`decode`] takes it apart as cloud-init would (gzip, MIME, archives, the first
//! line's header), within limits of size, number and depth. [`settings`] are its cloud-config texts, which a layer of
//! the configuration is read from.

mod decode;
mod error;
mod format;
mod settings;

pub use decode::{MAX_BYTES, Part, decode};
pub use error::Error;
pub use format::Format;
pub use settings::{Settings, settings};
