//! How often cloud-init does what a user-data says, so that a change of it can be told from one that comes too late.

use sha2::{Digest, Sha256};
use yaml_serde::{Mapping, Value};

use super::encode::Piece;
use super::format::Format;

/// The keys of a cloud-config that are acted upon at every boot.
const EVERY_BOOT: [&str; 1] = ["bootcmd"];

/// Digests of what the parts say; `None` for nothing of the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frequencies {
    /// What a change of shows at the next boot.
    pub every_boot: Option<String>,
    /// What only a machine that boots for the first time does.
    pub first_boot: Option<String>,
}

impl Frequencies {
    #[must_use]
    pub fn of(pieces: &[Piece]) -> Self {
        let (mut every, mut first) = (Vec::new(), Vec::new());
        for piece in pieces {
            match piece.format {
                Some(Format::Boothook | Format::ScriptPerBoot) => every.push(piece.body.clone()),
                Some(Format::CloudConfig) => match halves(&piece.body) {
                    Some((often, once)) => {
                        every.extend(often);
                        first.extend(once);
                    }
                    None => first.push(piece.body.clone()),
                },
                _ => first.push(piece.body.clone()),
            }
        }
        Self { every_boot: digest(&every), first_boot: digest(&first) }
    }
}

type Half = Option<Vec<u8>>;

/// What of a cloud-config is for every boot, and the rest; its comments and spaces count for neither.
fn halves(text: &[u8]) -> Option<(Half, Half)> {
    let text = std::str::from_utf8(text).ok()?;
    let Value::Mapping(map) = yaml_serde::from_str(text).ok()? else { return None };
    let is_often = |key: &Value| key.as_str().is_some_and(|key| EVERY_BOOT.contains(&key));
    let (often, once): (Mapping, Mapping) = map.into_iter().partition(|(key, _)| is_often(key));
    let bytes = |map: Mapping| (!map.is_empty()).then(|| yaml_serde::to_string(&map).unwrap_or_default().into_bytes());
    Some((bytes(often), bytes(once)))
}

fn digest(texts: &[Vec<u8>]) -> Option<String> {
    if texts.is_empty() {
        return None;
    }
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update(text.len().to_le_bytes());
        hasher.update(text);
    }
    Some(format!("sha256:{}", hex::encode(hasher.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud_init::outgoing;

    fn of(text: &str) -> Frequencies {
        Frequencies::of(&outgoing("user-data", text.as_bytes()).expect("a text"))
    }

    #[test]
    fn commands_of_every_boot_are_told_from_those_of_the_first() {
        let before = of("#cloud-config\nbootcmd: [a]\nruncmd: [b]\n");
        let next_boot = of("#cloud-config\nbootcmd: [c]\nruncmd: [b] # same\n");
        let too_late = of("#cloud-config\nbootcmd: [a]\nruncmd: [c]\n");
        assert!(before.every_boot != next_boot.every_boot && before.first_boot == next_boot.first_boot);
        assert!(before.every_boot == too_late.every_boot && before.first_boot != too_late.first_boot);
        assert!(of("#cloud-boothook\ntrue\n").first_boot.is_none());
        assert!(of("#!/bin/sh\n").every_boot.is_none());
        assert_eq!(of(""), Frequencies::default());
    }
}
