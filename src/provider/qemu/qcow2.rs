//! What the header of a qcow2 file says, without starting `qemu-img`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

const MAGIC: &[u8; 4] = b"QFI\xfb";
/// In the incompatible features of version 3: the data is in another file.
const EXTERNAL_DATA: u64 = 1 << 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes that the guest sees.
    pub(super) size: u64,
    /// Whether it needs another file to be read.
    pub(super) needs_another_file: bool,
}

/// `None` when the file is not qcow2.
pub(super) fn header(path: &Path) -> io::Result<Option<Header>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(80).read_to_end(&mut bytes)?;
    Ok(parse(&bytes))
}

fn parse(bytes: &[u8]) -> Option<Header> {
    let u64_at = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let version = u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?);
    if !bytes.starts_with(MAGIC) {
        return None;
    }
    let external = version >= 3 && u64_at(72)? & EXTERNAL_DATA != 0;
    Some(Header { size: u64_at(24)?, needs_another_file: external || u64_at(8)? != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(version: u8, backing: u8, features: u8) -> Vec<u8> {
        let mut bytes = vec![0; 80];
        bytes[..4].copy_from_slice(MAGIC);
        (bytes[7], bytes[15], bytes[79]) = (version, backing, features);
        bytes[24..32].copy_from_slice(&(20_u64 << 30).to_be_bytes());
        bytes
    }

    #[test]
    fn the_size_the_guest_sees_is_in_the_header() {
        assert_eq!(parse(&bytes(3, 0, 0)), Some(Header { size: 20 << 30, needs_another_file: false }));
    }

    #[test]
    fn a_backing_file_and_an_external_data_file_are_noticed() {
        assert!(parse(&bytes(2, 104, 0)).unwrap().needs_another_file);
        assert!(parse(&bytes(3, 0, 4)).unwrap().needs_another_file);
    }

    #[test]
    fn anything_else_is_not_qcow2() {
        assert_eq!(parse(&[0; 80]), None);
        assert_eq!(parse(b"QFI"), None);
    }
}
