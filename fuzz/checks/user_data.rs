//! What holds of any bytes taken for user-data: no input makes it fall over, and what goes to a machine keeps what it holds.

use libmachine::cloud_init::{Format, MAX_BYTES, decode, encode, outgoing, settings};

/// Takes them apart, and sends them to a machine and back.
pub fn check(bytes: &[u8]) {
    if let Ok(parts) = decode(bytes) {
        assert!(parts.iter().map(|part| part.body.len()).sum::<usize>() <= MAX_BYTES);
    }
    _ = settings(bytes);
    let Ok(pieces) = outgoing("user-data", bytes) else { return };
    let sent = encode(&pieces, "#cloud-config\n{}\n");
    assert_eq!(sent, encode(&pieces, "#cloud-config\n{}\n"));
    // MIME within MIME is the user's own and may be broken; everything else comes back byte for byte.
    if pieces.iter().any(|piece| piece.format.is_none_or(|format| format == Format::Archive)) {
        return;
    }
    let Ok(arrived) = decode(&sent) else { return };
    let kept: Vec<_> = pieces.iter().map(|piece| &piece.body).filter(|body| !body.is_empty()).collect();
    let arrived: Vec<_> = arrived.iter().map(|part| &part.body).collect();
    assert_eq!(arrived[..arrived.len() - 1], kept[..]);
}
