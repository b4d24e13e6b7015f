//! The user's parts of a user-data that a machine was given, for people to read.

use super::decode::{Part, decode};
use super::encode::OURS;

/// The user's parts of what [`super::encode`] made, one below the other and each under its name where there are several;
/// `None` for any other text.
#[must_use]
pub fn users(user_data: &[u8]) -> Option<Vec<u8>> {
    let mut parts = decode(user_data).ok()?;
    let is_ours = |part: &Part| part.name.ends_with(&format!("({OURS})"));
    parts.pop().filter(is_ours)?;
    let mut text = Vec::new();
    let several = parts.len() > 1;
    for part in parts {
        if several {
            text.extend_from_slice(format!("# {}\n", part.name).as_bytes());
        }
        text.extend_from_slice(&part.body);
        if several && !part.body.ends_with(b"\n") {
            text.push(b'\n');
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::users;
    use crate::cloud_init::{encode, outgoing};

    #[test]
    fn what_the_user_wrote_comes_back_without_what_is_ours() {
        let piece = |name: &str, text: &str| outgoing(name, text.as_bytes()).expect("a text").remove(0);
        let ours = "#cloud-config\nssh_keys: { ed25519_private: hunter2 }\n";
        let one = piece("a", "#cloud-config\nruncmd: [é]\n");
        let two = piece("b", "#!/bin/sh\ntrue");
        let of = |pieces: &[_]| users(&encode(pieces, ours)).map(|text| String::from_utf8(text).expect("a text"));
        assert_eq!(of(std::slice::from_ref(&one)).as_deref(), Some("#cloud-config\nruncmd: [é]\n"));
        assert_eq!(of(&[]).as_deref(), Some(""));
        let both = of(&[one, two]).expect("two parts");
        assert_eq!(both, "# part 1 (a)\n#cloud-config\nruncmd: [é]\n# part 2 (b)\n#!/bin/sh\ntrue\n");
        assert_eq!(users(b"#cloud-config\n"), None, "nobody can tell whose it is");
    }
}
