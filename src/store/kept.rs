//! A record's attributes as the store has them: read only where somebody asks.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use serde::de::IgnoredAny;

use crate::value::Attributes;

/// Most records of a large project are compared with nothing: they stay the text they are.
#[derive(Clone)]
pub struct Kept {
    text: Option<Box<str>>,
    read: OnceLock<Attributes>,
}

impl Kept {
    /// From what [`Kept::to_text`] gave; the error is a text that is none.
    pub fn from_text(text: &str) -> serde_json::Result<Self> {
        let trimmed = text.trim_start();
        if !trimmed.starts_with('{') {
            return Ok(Self::from(serde_json::from_str::<Attributes>(text)?));
        }
        serde_json::from_str::<IgnoredAny>(text)?;
        Ok(Self { text: Some(text.into()), read: OnceLock::new() })
    }

    #[must_use]
    pub fn to_text(&self) -> String {
        match &self.text {
            Some(text) => text.to_string(),
            None => serde_json::to_string(&**self).expect("JSON values"),
        }
    }
}

impl Deref for Kept {
    type Target = Attributes;

    fn deref(&self) -> &Attributes {
        // It was looked through before; a number that fits nowhere is not worth more than the rest of a cache.
        let read = || serde_json::from_str(self.text.as_deref().unwrap_or("{}")).unwrap_or_default();
        self.read.get_or_init(read)
    }
}

impl From<Attributes> for Kept {
    fn from(attributes: Attributes) -> Self {
        Self { text: None, read: OnceLock::from(attributes) }
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes;

    #[test]
    fn what_is_kept_reads_as_it_was() {
        let attributes = attributes! {"cpus": 2, "disks": {"root": 1}, "tags": null};
        let kept = Kept::from(attributes.clone());
        let again = Kept::from_text(&kept.to_text()).expect("its own text");
        assert_eq!(again.to_text(), kept.to_text());
        assert_eq!((&*again, &again), (&attributes, &kept));
    }

    #[test]
    fn a_text_that_is_no_attributes_is_refused_at_once() {
        for text in ["", "{", "[]", "7", "{\"cpus\": }", "{} more"] {
            assert!(Kept::from_text(text).is_err(), "{text}");
        }
    }
}
