//! What a plain scalar means: the core schema of YAML 1.2, less what readers and older tools disagree about.

use super::node::Scalar;

/// An integer with a leading zero: octal to YAML 1.1, decimal to YAML 1.2.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeadingZero;

/// The value of an unquoted text.
pub(super) fn plain(text: &str) -> Result<Scalar, LeadingZero> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Flag(true),
        "false" | "False" | "FALSE" => Scalar::Flag(false),
        _ => match number(text)? {
            Some(number) => number,
            None => Scalar::Text(text.to_owned()),
        },
    })
}

/// The number a text spells, if it does.
pub(super) fn number(text: &str) -> Result<Option<Scalar>, LeadingZero> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0o") {
        return Ok(radix(digits, 8));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return Ok(radix(digits, 16));
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            return Err(LeadingZero);
        }
        return Ok(Some(integer(text)));
    }
    Ok(float(text, unsigned))
}

/// An integer as large as it may be; beyond 64 bits it is a float, as in JSON.
fn integer(text: &str) -> Scalar {
    let text = text.strip_prefix('+').unwrap_or(text);
    text.parse()
        .map(Scalar::Signed)
        .or_else(|_| text.parse().map(Scalar::Unsigned))
        .unwrap_or_else(|_| Scalar::Float(text.parse().unwrap_or(f64::INFINITY)))
}

fn radix(digits: &str, radix: u32) -> Option<Scalar> {
    let fits = !digits.starts_with(['+', '-']);
    let value = fits.then(|| u64::from_str_radix(digits, radix).ok()).flatten()?;
    Some(i64::try_from(value).map_or(Scalar::Unsigned(value), Scalar::Signed))
}

fn float(text: &str, unsigned: &str) -> Option<Scalar> {
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            let infinite = if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY };
            return Some(Scalar::Float(infinite));
        }
        ".nan" | ".NaN" | ".NAN" if text == unsigned => return Some(Scalar::Float(f64::NAN)),
        _ => {}
    }
    let allowed = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    let has_digits = unsigned.bytes().find(|b| *b != b'.').is_some_and(|b| b.is_ascii_digit());
    if !has_digits || !unsigned.bytes().all(allowed) {
        return None;
    }
    text.parse().ok().map(Scalar::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: Scalar) {
        assert_eq!(plain(text), Ok(expected), "{text}");
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        case("", Scalar::Null);
        case("~", Scalar::Null);
        case("True", Scalar::Flag(true));
        case("0", Scalar::Signed(0));
        case("-7", Scalar::Signed(-7));
        case("+7", Scalar::Signed(7));
        case("0o17", Scalar::Signed(15));
        case("0xff", Scalar::Signed(255));
        case("18446744073709551615", Scalar::Unsigned(u64::MAX));
        case("3.5", Scalar::Float(3.5));
        case(".5", Scalar::Float(0.5));
        case("1e3", Scalar::Float(1000.0));
        case("-.inf", Scalar::Float(f64::NEG_INFINITY));
        case("99999999999999999999", Scalar::Float(1e20));
    }

    #[test]
    fn what_only_older_yaml_takes_for_a_number_or_a_flag_is_text() {
        for text in
            ["no", "on", "yes", "22:30", "1_000", "0b11", "1.2.3", "e5", "-", "+", ".", "..", "2026-01-01", "0x", "inf"]
        {
            case(text, Scalar::Text(text.into()));
        }
    }

    #[test]
    fn an_integer_with_a_leading_zero_is_refused() {
        for text in ["0644", "-01", "00"] {
            assert_eq!(plain(text), Err(LeadingZero), "{text}");
        }
    }
}
