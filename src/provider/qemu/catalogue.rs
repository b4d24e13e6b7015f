//! Images that their vendors publish for this purpose. The digest is taken from the vendor's own list, over HTTPS,
//! when the image is downloaded: these files are rebuilt every few weeks.

use crate::note::suggestion;
use crate::provider::debian::codename;
use crate::provider::qemu::binary::Arch;

/// Where an image is and where its digest is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) url: String,
    /// A file of lines `digest  name` or `SHA256 (name) = digest`.
    pub(super) digests: String,
}

const NAMES: [&str; 10] = [
    "debian-12",
    "debian-13",
    "ubuntu-22.04",
    "ubuntu-24.04",
    "alpine-3.21",
    "alpine-3.22",
    "fedora-42",
    "fedora-43",
    "rocky-9",
    "rocky-10",
];

/// The error is a hint that names what there is.
pub(super) fn find(name: &str, arch: Arch) -> Result<Entry, String> {
    if !NAMES.contains(&name) {
        return Err(suggestion(name, NAMES));
    }
    let (distribution, version) = name.split_once('-').expect("every name has a version");
    Ok(match distribution {
        "debian" => debian(version, arch),
        "ubuntu" => ubuntu(version, arch),
        "alpine" => alpine(version, arch),
        "fedora" => fedora(version, arch),
        _ => rocky(version, arch),
    })
}

fn debian(version: &str, arch: Arch) -> Entry {
    let codename = codename(version);
    let folder = format!("https://cloud.debian.org/images/cloud/{codename}/latest");
    let url = format!("{folder}/debian-{version}-genericcloud-{}.qcow2", arch.debian());
    Entry { url, digests: format!("{folder}/SHA512SUMS") }
}

fn ubuntu(version: &str, arch: Arch) -> Entry {
    let codename = if version == "22.04" { "jammy" } else { "noble" };
    let folder = format!("https://cloud-images.ubuntu.com/releases/{codename}/release");
    let url = format!("{folder}/ubuntu-{version}-server-cloudimg-{}.img", arch.debian());
    Entry { url, digests: format!("{folder}/SHA256SUMS") }
}

fn alpine(version: &str, arch: Arch) -> Entry {
    let (patch, firmware) = match (version, arch) {
        ("3.21", Arch::X86) => ("5", "bios"),
        ("3.21", Arch::Arm) => ("5", "uefi"),
        (_, Arch::X86) => ("2", "bios"),
        (_, Arch::Arm) => ("2", "uefi"),
    };
    let folder = format!("https://dl-cdn.alpinelinux.org/alpine/v{version}/releases/cloud");
    let url = format!("{folder}/nocloud_alpine-{version}.{patch}-{}-{firmware}-cloudinit-r0.qcow2", arch.name());
    Entry { digests: format!("{url}.sha512"), url }
}

fn fedora(version: &str, arch: Arch) -> Entry {
    let build = if version == "42" { "1.1" } else { "1.6" };
    let arch = arch.name();
    let folder = format!("https://download.fedoraproject.org/pub/fedora/linux/releases/{version}/Cloud/{arch}/images");
    let url = format!("{folder}/Fedora-Cloud-Base-Generic-{version}-{build}.{arch}.qcow2");
    Entry { url, digests: format!("{folder}/Fedora-Cloud-{version}-{build}-{arch}-CHECKSUM") }
}

fn rocky(version: &str, arch: Arch) -> Entry {
    let arch = arch.name();
    let folder = format!("https://dl.rockylinux.org/pub/rocky/{version}/images/{arch}");
    let url = format!("{folder}/Rocky-{version}-GenericCloud-Base.latest.{arch}.qcow2");
    Entry { digests: format!("{url}.CHECKSUM"), url }
}

/// The digest of `file` in a list of them, in either of the two usual forms, or alone on its line.
pub(super) fn digest_in<'a>(list: &'a str, file: &str) -> Option<&'a str> {
    let is_digest = |text: &&str| matches!(text.len(), 64 | 128) && text.bytes().all(|b| b.is_ascii_hexdigit());
    let of_line = |line: &'a str| {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            [digest] => Some(digest),
            [digest, name] if name.trim_start_matches(['*', '.', '/']) == file => Some(digest),
            [_, name, "=", digest] if name.trim_matches(['(', ')']) == file => Some(digest),
            _ => None,
        }
    };
    list.lines().filter_map(of_line).find(is_digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_an_image_and_its_digests_over_https() {
        for name in NAMES {
            let Entry { url, digests } = find(name, Arch::X86).unwrap();
            assert!(url.starts_with("https://") && digests.starts_with("https://"), "{name}");
            assert!(url.contains(name.split_once('-').unwrap().1) || url.contains("trixie"), "{url}");
        }
    }

    #[test]
    fn an_unknown_name_gets_a_suggestion() {
        assert_eq!(find("debian-31", Arch::X86).unwrap_err(), "did you mean `debian-13`?");
    }

    #[test]
    fn digests_are_found_in_each_vendors_form() {
        let (a, b) = ("a".repeat(64), "b".repeat(128));
        assert_eq!(digest_in(&format!("{b}  other.img\n{a} *disk.img\n"), "disk.img"), Some(a.as_str()));
        assert_eq!(digest_in(&format!("# disk: 1 byte\nSHA256 (disk.img) = {a}\n"), "disk.img"), Some(a.as_str()));
        assert_eq!(digest_in(&format!("{b}\n"), "disk.img"), Some(b.as_str()));
        assert_eq!(digest_in(&format!("{a}  other.img\n"), "disk.img"), None);
        assert_eq!(digest_in("deadbeef  disk.img\n", "disk.img"), None);
    }
}
