//! How much user-data there is and may be.

/// A size for people: `14.2 KiB`, or `14.2/16.0 KiB` where there is a limit.
#[must_use]
pub fn budget(bytes: usize, limit: Option<usize>) -> String {
    let kib = |bytes: usize| format!("{:.1}", bytes as f64 / 1024.0);
    match limit {
        Some(limit) => format!("{}/{} KiB", kib(bytes), kib(limit)),
        None => format!("{} KiB", kib(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::budget;

    #[test]
    fn a_limit_is_shown_beside_what_is_used_of_it() {
        assert_eq!(budget(14_541, Some(16 << 10)), "14.2/16.0 KiB");
        assert_eq!(budget(512, None), "0.5 KiB");
    }
}
