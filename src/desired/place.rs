//! Paths of this computer.

use std::path::{Component, Path, PathBuf};

/// Takes `.` and `..` out without asking the file system.
#[must_use]
pub fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_taken_out() {
        assert_eq!(normal("/a/./b/../c".as_ref()), Path::new("/a/c"));
    }
}
