//! User-data: taken apart, read for settings, packed for machines.

mod decode;
