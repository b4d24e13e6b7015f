//! The user-data a machine gets: the user's part as it was written, then ours, which adds and never overrides.

use crate::cloud_init::{Frequencies, Piece, budget, encode, users};
use crate::provider::qemu::access;
use crate::resource::Text;
use crate::value::{Path, Value, json};

/// What our part says.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Ours<'a> {
    pub(in crate::provider) host_name: &'a str,
    /// The account that is logged in as.
    pub(in crate::provider) user: &'a str,
    pub(in crate::provider) authorized_keys: Vec<String>,
    /// The one of them that must be let in at every start.
    pub(in crate::provider) project_key: &'a str,
    /// The machine's host key: the private half in OpenSSH's form, and the public one.
    pub(in crate::provider) host_key: [&'a str; 2],
    pub(in crate::provider) mounts: &'a [Mount],
}

/// A disk with a file system, and where it is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider) struct Mount {
    pub(in crate::provider) disk: String,
    pub(in crate::provider) filesystem: String,
    pub(in crate::provider) path: Option<String>,
    /// Of the mount table; empty without a mount point.
    pub(in crate::provider) line: String,
}

/// Runs at every boot, so that a disk is there for the user's own commands. `$1` device, `$2` file system, `$3` mount point,
/// `$4` line of the mount table, `$5` the disk's name. Only a disk on which nothing at all is recognised is formatted; what
/// needs a program that is not there, and a disk that a unit wipes, is left to what comes later.
const MOUNT: &str = r#"set -u
dev=$1 type=$2 dir=$3 line=$4
[ ! -e "/etc/systemd/system/machine-wipe-$5.service" ] && command -v "mkfs.$type" >/dev/null || exit 0
for wait in 1 2 3 4 5 6 7 8 9 10; do [ -e "$dev" ] && break; sleep 1; done
blkid -p "$dev" >/dev/null; [ $? -ne 2 ] || "mkfs.$type" "$dev" || exit 1
[ -n "$dir" ] || exit 0
mkdir -p "$dir"
grep -q "^$dev " /etc/fstab || echo "$line" >> /etc/fstab
mountpoint -q "$dir" || mount "$dir"
"#;

/// The whole `user-data` file.
pub(in crate::provider) fn user_data(user: &[Piece], ours: &Ours<'_>) -> Vec<u8> {
    encode(user, &format!("#cloud-config\n{:#}\n", cloud_config(ours)))
}

/// Digests of what it says, apart by when a change of it shows; nothing without a user's part.
pub(in crate::provider) fn declared(pieces: &[Piece]) -> Option<Value> {
    let Frequencies { every_boot, first_boot } = Frequencies::of(pieces);
    let size = budget(encode(pieces, "").len(), None);
    let inputs = json!({ "size": size, "every-boot": every_boot, "first-boot": first_boot });
    (!pieces.is_empty()).then_some(inputs)
}

/// What changes in the user's part of a user-data that is there, when these pieces take its place. Ours holds secrets and
/// is left out.
pub(in crate::provider) fn change(path: Path, there: &[u8], pieces: &[Piece]) -> Text {
    match (users(there), users(&encode(pieces, "#cloud-config\n"))) {
        (Some(before), Some(after)) => Text::between(path, &before, &after),
        _ => Text::hidden(path, "what is there cannot be told from what is ours"),
    }
}

/// JSON, which is YAML whose texts no version of YAML can take for something else.
fn cloud_config(ours: &Ours<'_>) -> Value {
    let mut config = json!({
        "hostname": ours.host_name,
        "manage_etc_hosts": true,
        "ssh_pwauth": false,
        "ssh_keys": { "ed25519_private": ours.host_key[0], "ed25519_public": ours.host_key[1] },
        "updates": { "network": { "when": ["boot"] } },
    });
    if ours.user == "root" {
        config["disable_root"] = json!(false);
        config["users"] = json!(["default", { "name": "root", "ssh_authorized_keys": ours.authorized_keys }]);
    } else {
        config["users"] = json!(["default", {
            "name": ours.user,
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "shell": "/bin/sh",
            "lock_passwd": true,
            "ssh_authorized_keys": ours.authorized_keys,
        }]);
    }
    let mut every_boot = vec![json!(["sh", "-c", access::SCRIPT, "sh", ours.user, ours.project_key])];
    every_boot.extend(ours.mounts.iter().map(|mount| {
        let device = format!("/dev/disk/by-id/virtio-{}", mount.disk);
        let path = mount.path.as_deref().unwrap_or_default();
        json!(["sh", "-c", MOUNT, "sh", device, mount.filesystem, path, mount.line, mount.disk])
    }));
    config["bootcmd"] = Value::Array(every_boot);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(mounts: &[Mount]) -> Ours<'_> {
        let project_key = "ssh-ed25519 AAAA";
        let authorized_keys = vec![project_key.to_owned()];
        Ours {
            host_name: "web",
            user: "machine",
            authorized_keys,
            project_key,
            host_key: ["private", "public"],
            mounts,
        }
    }

    #[test]
    fn each_disk_with_a_file_system_is_prepared_at_every_boot() {
        let mounts = [Mount {
            disk: "data".into(),
            filesystem: "ext4".into(),
            path: Some("/data".into()),
            line: "/dev/disk/by-id/virtio-data /data ext4 defaults 0 2".into(),
        }];
        let config = cloud_config(&ours(&mounts));
        assert_eq!(config["bootcmd"][1][4], "/dev/disk/by-id/virtio-data");
        assert_eq!(config["bootcmd"][1][6], "/data");
        assert_eq!(cloud_config(&ours(&[]))["bootcmd"].as_array().map(Vec::len), Some(1), "the project's key");
    }

    #[test]
    fn root_may_log_in_when_it_is_the_chosen_user() {
        let config = cloud_config(&Ours { user: "root", ..ours(&[]) });
        assert_eq!(config["disable_root"], false);
        assert!(config["users"][1].get("sudo").is_none());
    }
}
