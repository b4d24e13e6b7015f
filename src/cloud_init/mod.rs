//! cloud-init's user-data: what it is made of, what of it is ours, and how it goes to a machine. Pure, but for
//! [`drive`].
//!
//! User-data is one text or several: [`decode`] takes it apart as cloud-init would (gzip, MIME, archives, the first
//! line's header), within limits of size, number and depth. [`settings`] are its cloud-config texts, which a layer of
//! the configuration is read from; [`outgoing`] takes out what only we understand, and [`encode`] packs the parts for a
//! machine.

mod budget;
mod decode;
pub mod drive;
mod encode;
mod error;
mod follow;
mod format;
mod frequency;
mod settings;
mod strip;
mod users;

pub use budget::budget;
pub use decode::{MAX_BYTES, Part, decode};
pub use encode::{Piece, encode, outgoing};
pub use error::Error;
pub use follow::{FollowError, follow};
pub use format::Format;
pub use frequency::Frequencies;
pub use settings::{Settings, settings};
pub use strip::OWN_KEYS;
pub use users::users;
