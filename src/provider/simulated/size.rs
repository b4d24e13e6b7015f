//! The sizes that machines of the simulated world come in.

use crate::desired::quantity::{self, GB};

/// What a machine can be: so many GB of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(u64);

/// The largest there is.
const LARGEST: u64 = 1024;

impl Size {
    /// The smallest that has at least so many bytes; the error is the largest.
    pub(super) fn holding(bytes: u64) -> Result<Self, Self> {
        let gigabytes = bytes.div_ceil(GB).next_power_of_two();
        if gigabytes > LARGEST { Err(Self(LARGEST)) } else { Ok(Self(gigabytes)) }
    }

    pub(super) const fn bytes(self) -> u64 {
        self.0 * GB
    }

    /// What was chosen for a machine that would have been content with less.
    pub(super) fn remark(self, asked: u64) -> Option<String> {
        let asked = (asked != self.bytes()).then(|| quantity::gigabytes(asked))?;
        Some(format!("{asked} of memory → {} (size {self})", quantity::gigabytes(self.bytes())))
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s-{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_rounded_up_to_the_next_size_and_no_further() {
        let of = |bytes| Size::holding(bytes).map(|size| size.to_string());
        assert_eq!(of(1), Ok("s-1".to_owned()));
        assert_eq!(of(2 * GB), Ok("s-2".to_owned()));
        assert_eq!(of(2 * GB + 1), Ok("s-4".to_owned()));
        assert_eq!(of(LARGEST * GB + 1), Err(Size(LARGEST)));
    }
}
