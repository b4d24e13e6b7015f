//! What is kept in order about a machine's disks. Here: the filesystem it runs from fills its disk, also after that has grown.

pub(crate) mod seen;
mod texts;
pub(crate) mod volume;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::attributes;
use crate::desired::ROOT;
use crate::host::facts::Filesystem;
use crate::host::reach::Reach;
use crate::id::{Kind, ResourceId};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::transport::Command;
use crate::value::Attributes;

pub(crate) const KIND: Kind = "host.filesystem";

const FILLS: &str = "fills-disk";
const ROOT_MOUNT: &str = "/";
/// Bytes of what a filesystem lies on.
const DEVICE_SIZE: &str = "device-size";

/// A filesystem leaves less than one allocation group or block group unused at the end; their sizes go with the disk's.
const TAIL: u64 = 128 << 20;

/// Grows the partition of what the machine runs from and its filesystem, online.
const SCRIPT: &str = r#"
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
set -- $(findmnt -rno SOURCE,FSTYPE / | tail -n 1)
disk=$(lsblk -ndo PKNAME "$1")
number=$(cat "/sys/class/block/${1##*/}/partition" 2>/dev/null)
if [ -n "$number" ]; then
    said=$(growpart "/dev/$disk" "$number" 2>&1) || case $said in NOCHANGE*) ;; *) echo "$said" >&2; exit 1 ;; esac
fi
case $2 in
    ext2 | ext3 | ext4) resize2fs "$1" ;;
    xfs) xfs_growfs / ;;
    btrfs) btrfs filesystem resize max / ;;
    *) echo "growing $2 is not supported" >&2; exit 1 ;;
esac
"#;

#[derive(Debug)]
pub(crate) struct Fills {
    id: ResourceId,
    reach: Arc<Reach>,
    parents: Vec<Parent>,
    desired: Attributes,
}

impl Fills {
    pub(crate) fn new(reach: &Arc<Reach>) -> Self {
        Self {
            id: ResourceId::new(KIND, format!("{}.{ROOT}", reach.name)),
            parents: vec![Parent::within(reach.id.clone())],
            desired: attributes! { "fills-disk": true },
            reach: Arc::clone(reach),
        }
    }

    fn seen(found: Option<&Filesystem>) -> Attributes {
        match found {
            Some(found) => attributes! {
                "fills-disk": fills(found), "filesystem": found.kind.as_str(), "size": found.size, DEVICE_SIZE: found.device,
            },
            // What the root lies on is not always a disk of ours; a container's is not.
            None => attributes! { "fills-disk": true },
        }
    }

    async fn look(&self, cx: &Context) -> Result<Attributes, String> {
        let facts = self.reach.facts(cx).await?;
        Ok(Self::seen(facts.filesystems.get(ROOT_MOUNT)))
    }
}

fn fills(found: &Filesystem) -> bool {
    let tail = TAIL.min(found.device / 16).max(found.device / 200);
    found.size == 0 || (!found.partition_grows && found.device.saturating_sub(found.size) < tail)
}

#[async_trait]
impl Resource for Fills {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn machine(&self) -> Option<&str> {
        Some(self.reach.name.as_str())
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn grounds(&self) -> &'static [&'static str] {
        &[DEVICE_SIZE]
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
        cx.progress.say("growing the root filesystem");
        let command = Command::script(SCRIPT, [""; 0]).timeout(Duration::from_mins(5));
        let output = self.reach.run_quietly(cx, command).await?;
        if !output.success() {
            return Err(Failure::new("the root filesystem does not fill its disk").detail(&output.stderr));
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
        assert!(!fills(&on(GIB / 2, GIB / 2 - (100 << 20), false)), "on a small disk little is much");
        assert!(fills(&on(GIB / 2, GIB / 2 - (8 << 20), false)));
    }
}
