//! Amounts of memory and storage in bytes.

use std::time::Duration;

use crate::config::file::Size;

/// 1024³ bytes: what memory and cloud disks are sold as.
pub const GB: u64 = 1 << 30;

/// Bytes of a written size. `GB` and `GiB` (and so on) are one thing, as every seller of machines has it.
/// `None` when it is no size, rounds to nothing or does not fit 64 bits.
#[must_use]
pub fn bytes(size: &Size) -> Option<u64> {
    match size {
        Size::Number(number) => scaled(*number, GB),
        Size::Text(text) => {
            let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
            let (number, unit) = text.split_at(split);
            scaled(number.trim_end().parse().ok()?, factor(unit)?)
        }
    }
}

fn factor(unit: &str) -> Option<u64> {
    let power = match unit.strip_suffix("iB").or_else(|| unit.strip_suffix('B')).unwrap_or(unit) {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return None,
    };
    Some(1 << (10 * power))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounds are checked before, and a fraction of a byte is not meant"
)]
fn scaled(number: f64, factor: u64) -> Option<u64> {
    let bytes = (number * factor as f64).round();
    (1.0..9.0e18).contains(&bytes).then_some(bytes as u64)
}

/// A size in the largest unit that shows it exactly, for messages: `20GB`, `512MB`.
#[must_use]
pub fn shown(bytes: u64) -> String {
    let units = [(1 << 40, "TB"), (GB, "GB"), (1 << 20, "MB"), (1 << 10, "KB")];
    match units.into_iter().find(|(factor, _)| bytes.is_multiple_of(*factor)) {
        Some((factor, unit)) if bytes > 0 => format!("{}{unit}", bytes / factor),
        _ => format!("{bytes}B"),
    }
}

/// In GB with up to three decimals, as people ask for memory: `3.3 GB`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "for reading")]
pub fn gigabytes(bytes: u64) -> String {
    let text = format!("{:.3}", bytes as f64 / GB as f64);
    format!("{} GB", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The time meant by `100ms`, `2s`, `1.5m`, `1h`; `None` for anything else.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number: f64 = digits.parse().ok()?;
    Duration::try_from_secs_f64(number * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_gb_and_gb_is_gib() {
        assert_eq!(bytes(&Size::Number(2.0)), Some(2 * GB));
        assert_eq!(bytes(&Size::Number(3.5)), Some(3 * GB + GB / 2));
        for text in ["2GB", "2GiB", "2G", "2 GB", "2048MiB", "2.0GB", "2147483648B"] {
            assert_eq!(bytes(&Size::Text(text.into())), Some(2 * GB), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_has_no_bytes() {
        for number in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(bytes(&Size::Number(number)), None, "{number}");
        }
        for text in ["", "GB", "2XB", "two", "2GBB", "99999999999TB"] {
            assert_eq!(bytes(&Size::Text(text.into())), None, "{text}");
        }
    }

    #[test]
    fn a_size_is_shown_in_its_largest_exact_unit() {
        assert_eq!(shown(20 * GB), "20GB");
        assert_eq!(shown(GB / 2), "512MB");
        assert_eq!(shown(1), "1B");
    }
}
