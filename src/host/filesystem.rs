//! A filesystem fills the disk it lies on, also after the disk has grown.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::attributes;
use crate::host::facts::Filesystem;
use crate::host::reach::Reach;
use crate::id::{Kind, Name, ResourceId};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::transport::Command;
use crate::value::Attributes;

pub(crate) const KIND: Kind = "host.filesystem";

const FILLS: &str = "fills-disk";

/// A filesystem leaves less than one allocation group or block group unused at the end.
const TAIL: u64 = 128 << 20;

/// Mounts where nothing is mounted yet, then grows partition and filesystem, all online. `$1` mount point, `$2` filesystem,
/// `$3` device. A disk of ours has one line in fstab, as its machine writes it when it boots; one that is mounted elsewhere
/// moves, and stays at its old place too while that is in use.
const SCRIPT: &str = r#"
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ "$1" != / ] && [ -e "$3" ]; then
    line="$3 $1 $2 defaults,nofail,x-systemd.growfs 0 2"
    if ! grep -qxF -e "$line" /etc/fstab; then
        old=$(awk -v device="$3" '$1 == device { print $2 }' /etc/fstab)
        new=/etc/fstab.machine-new
        { awk -v device="$3" '$1 != device' /etc/fstab && printf '%s\n' "$line"; } >"$new" &&
            chmod --reference=/etc/fstab "$new" && mv -f "$new" /etc/fstab || exit
        systemctl daemon-reload
        for place in $old; do [ "$place" = "$1" ] || umount "$place" || true; done
    fi
    mkdir -p "$1" || exit
fi
mountpoint -q "$1" || mount "$1" || exit
set -- "$1" $(findmnt -rno SOURCE,FSTYPE "$1" | tail -n 1)
disk=$(lsblk -ndo PKNAME "$2")
number=$(cat "/sys/class/block/${2##*/}/partition" 2>/dev/null)
if [ -n "$number" ]; then
    said=$(growpart "/dev/$disk" "$number" 2>&1) || case $said in NOCHANGE*) ;; *) echo "$said" >&2; exit 1 ;; esac
fi
case $3 in
    ext2 | ext3 | ext4) resize2fs "$2" ;;
    xfs) xfs_growfs "$1" ;;
    *) echo "growing $3 is not supported" >&2; exit 1 ;;
esac
"#;

#[derive(Debug)]
pub(crate) struct Fills {
    id: ResourceId,
    reach: Arc<Reach>,
    mount: String,
    filesystem: String,
    device: String,
    parents: Vec<Parent>,
    desired: Attributes,
}

impl Fills {
    pub(crate) fn new(reach: &Arc<Reach>, disk: &Name, mount: &str, filesystem: Option<&str>) -> Self {
        Self {
            id: ResourceId::new(KIND, format!("{}.{disk}", reach.name)),
            parents: vec![Parent::within(reach.id.clone())],
            desired: attributes! { "fills-disk": true },
            mount: mount.to_owned(),
            filesystem: filesystem.unwrap_or("auto").to_owned(),
            device: format!("/dev/disk/by-id/virtio-{disk}"),
            reach: Arc::clone(reach),
        }
    }

    fn seen(&self, found: Option<&Filesystem>) -> Attributes {
        match found {
            Some(found) => attributes! {
                "fills-disk": fills(found), "filesystem": found.kind.as_str(), "size": found.size, "device-size": found.device,
            },
            // What the root lies on is not always a disk of ours; a container's is not.
            None if self.mount == "/" => attributes! { "fills-disk": true },
            None => attributes! { "fills-disk": false, "why": format!("nothing is mounted at {}", self.mount) },
        }
    }

    async fn look(&self, cx: &Context) -> Result<Attributes, String> {
        let facts = self.reach.facts(cx).await?;
        Ok(self.seen(facts.filesystems.get(&self.mount)))
    }
}

fn fills(found: &Filesystem) -> bool {
    found.size == 0
        || (!found.partition_grows && found.device.saturating_sub(found.size) < TAIL.max(found.device / 200))
}

#[async_trait]
impl Resource for Fills {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, Some("grows online".to_owned()))
    }

    async fn read(&self, cx: &Context) -> Observation {
        self.look(cx).await.map_or_else(Observation::Unreadable, Observation::Present)
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        // A new machine's disk is as large as it should be, and cloud-init has seen to the rest.
        let seen = self.look(cx).await.map_err(Failure::new)?;
        if seen.get(FILLS) == self.desired.get(FILLS) {
            return Ok(seen);
        }
        cx.progress.say(format!("growing {}", self.mount));
        let command =
            Command::script(SCRIPT, [&self.mount, &self.filesystem, &self.device]).timeout(Duration::from_mins(5));
        let output = self.reach.run_quietly(cx, command).await?;
        if !output.success() {
            return Err(Failure::new(format!("{} does not fill its disk", self.mount)).detail(&output.stderr));
        }
        self.look(cx).await.map_err(Failure::new)
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Filesystem, fills};

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_grown_disk_or_partition_is_noticed_and_a_rounded_end_is_not() {
        let on = |device, size, partition_grows| Filesystem { kind: "ext4".into(), device, size, partition_grows };
        assert!(fills(&on(10 * GIB, 10 * GIB - 4096, false)));
        assert!(!fills(&on(12 * GIB, 10 * GIB, false)));
        assert!(!fills(&on(10 * GIB, 10 * GIB, true)));
        assert!(fills(&on(10 * GIB, 0, false)), "an unknown size is left alone");
    }
}
