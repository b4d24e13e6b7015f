//! Small texts: counts, durations, values on one line.

use std::time::Duration;

use crate::value::Value;

/// `1 machine`, `2 machines`.
#[must_use]
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("{n} {noun}") } else { format!("{n} {noun}s") }
}

/// `10,000`.
pub(super) fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// `0.4s`, `12s`, `3m05s`.
pub(super) fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", time.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        _ => format!("{}m{:02}s", seconds / 60, seconds % 60),
    }
}

/// A text as lines that end before `end`: the first begins at column `first`, the others at `rest`. Words longer than
/// a line stay whole; without an end there is one line.
pub(super) fn fold(text: &str, first: usize, rest: usize, end: Option<usize>) -> impl Iterator<Item = String> {
    let room = |start: usize| end.map_or(usize::MAX, |end| end.saturating_sub(start)).max(NARROWEST);
    let mut lines = vec![String::new()];
    let (mut used, mut room_here) = (0, room(first));
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room_here {
            lines.push(String::new());
            (used, room_here) = (0, room(rest));
        }
        let line = lines.last_mut().expect("there is always one");
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    lines.into_iter()
}

/// Below this many columns folding makes nothing easier to read.
const NARROWEST: usize = 24;

/// A value on one line; bytes of memory and disk in units people use.
pub(super) fn value(name: &str, value: Option<&Value>) -> String {
    match value {
        None => "(none)".to_owned(),
        Some(Value::Number(number)) if name == "ram" || name.starts_with("disks") || name == "size" => {
            number.as_u64().map_or_else(|| number.to_string(), bytes)
        }
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// `2 GiB`, `512 MiB`; bytes when it is no round number of either.
pub(super) fn bytes(n: u64) -> String {
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    if n >= GIB && n.is_multiple_of(GIB / 4) {
        format!("{} GiB", n as f64 / GIB as f64)
    } else if n >= MIB && n.is_multiple_of(MIB) {
        format!("{} MiB", n / MIB)
    } else {
        format!("{n} bytes")
    }
}
