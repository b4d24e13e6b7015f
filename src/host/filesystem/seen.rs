//! What a machine says of its disks.

use std::collections::{BTreeMap, BTreeSet};

/// A disk by one of its lasting names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// What its kernel calls it.
    pub(crate) path: String,
    /// What blkid finds on it; `None` when it is blank, `unknown` when it cannot tell.
    pub(crate) kind: Option<String>,
}

/// A mounted filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mounted {
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) readonly: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Disks {
    /// By path below `/dev/disk/by-id`.
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) mounts: Vec<Mounted>,
    /// Devices that are swapped to.
    pub(crate) swaps: BTreeSet<String>,
    /// Our lines of the mount table, by the disk's name.
    pub(crate) lines: BTreeMap<String, String>,
    /// Our files, by path.
    pub(crate) files: BTreeMap<String, String>,
    /// Our units that are enabled, by the disk's name.
    pub(crate) enabled: BTreeSet<String>,
    /// Modules that our files name and the kernel has.
    pub(crate) modules: BTreeSet<String>,
    /// Names that our rules give, and what they lead to.
    pub(crate) links: BTreeMap<String, String>,
}

/// In an option of the mount table: the disk that a line of ours is about.
const MARK: &str = "x-machine=";

impl Disks {
    /// Reads the sections of the look at a machine.
    pub(crate) fn parse(sections: &BTreeMap<&str, &str>) -> Self {
        let lines = |name: &str| sections.get(name).copied().unwrap_or_default().lines();
        let word = |line: &str| line.trim().to_owned();
        let pair = |line: &str| line.split_once(' ').map(|(one, two)| (one.to_owned(), two.to_owned()));
        Self {
            nodes: lines("disks").filter_map(node).collect(),
            mounts: lines("mounts").filter_map(mounted).collect(),
            swaps: lines("swaps").filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect(),
            lines: lines("fstab").filter_map(|line| Some((marked(line)?.to_owned(), word(line)))).collect(),
            files: sections
                .iter()
                .filter_map(|(name, text)| Some((name.strip_prefix("file ")?.to_owned(), (*text).to_owned())))
                .collect(),
            enabled: lines("wipes").map(word).collect(),
            modules: lines("modules").map(word).collect(),
            links: lines("links").filter_map(pair).collect(),
        }
    }

    /// The names of disks that something of ours is about.
    pub(crate) fn ours(&self) -> BTreeSet<String> {
        let named = |path: &String| {
            let file = path.rsplit('/').next()?;
            let name = file.strip_prefix("machine-wipe-").or_else(|| file.strip_prefix("70-machine-"));
            let name = name.or_else(|| file.strip_prefix("machine-"))?;
            Some(name.rsplit_once('.')?.0.to_owned())
        };
        self.lines.keys().cloned().chain(self.files.keys().filter_map(named)).collect()
    }
}

fn node(line: &str) -> Option<(String, Node)> {
    let [name, path, kind] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
    let kind = Some(kind).filter(|kind| *kind != "-").map(str::to_owned);
    Some((name.to_owned(), Node { path: path.to_owned(), kind }))
}

fn mounted(line: &str) -> Option<Mounted> {
    let [source, target, options] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
    let readonly = options.split(',').any(|option| option == "ro");
    Some(Mounted { source: source.to_owned(), target: target.to_owned(), readonly })
}

fn marked(line: &str) -> Option<&str> {
    let options = line.split_whitespace().nth(3)?;
    options.split(',').find_map(|option| option.strip_prefix(MARK))
}
