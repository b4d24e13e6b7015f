//! The formats of user-data, by a text's first line and by MIME's content type.

/// What a part is to cloud-init.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `#cloud-config`, and `#cloud-init`, which only we know.
    CloudConfig,
    /// A list of parts in YAML.
    Archive,
    /// A JSON Patch of the cloud-config so far.
    Patch,
    /// Addresses, one a line, whose contents stand here.
    Include,
    /// The same, fetched once in a machine's life.
    IncludeOnce,
    /// Run early at every boot.
    Boothook,
    /// Run once, late in the first boot.
    Script,
    ScriptPerBoot,
    ScriptPerInstance,
    ScriptPerOnce,
    /// Python that teaches cloud-init a format.
    PartHandler,
    /// A template of another format, filled in on the machine.
    Jinja,
    /// Nothing that cloud-init knows by itself.
    Other,
}

/// The header that the original Cloud-Machine documents carry; cloud-init does not know it.
const OWN_HEADER: &str = "#cloud-init";

impl Format {
    /// Longer beginnings stand first.
    const HEADERS: [(&'static str, Self); 9] = [
        ("#cloud-config-archive", Self::Archive),
        ("#cloud-config-jsonp", Self::Patch),
        ("#cloud-config", Self::CloudConfig),
        ("#cloud-boothook", Self::Boothook),
        ("#include-once", Self::IncludeOnce),
        ("#include", Self::Include),
        ("#part-handler", Self::PartHandler),
        ("## template: jinja", Self::Jinja),
        ("#!", Self::Script),
    ];

    const TYPES: [(&'static str, Self); 12] = [
        ("text/cloud-config", Self::CloudConfig),
        ("text/cloud-config-archive", Self::Archive),
        ("text/cloud-config-jsonp", Self::Patch),
        ("text/x-include-url", Self::Include),
        ("text/x-include-once-url", Self::IncludeOnce),
        ("text/cloud-boothook", Self::Boothook),
        ("text/x-shellscript", Self::Script),
        ("text/x-shellscript-per-boot", Self::ScriptPerBoot),
        ("text/x-shellscript-per-instance", Self::ScriptPerInstance),
        ("text/x-shellscript-per-once", Self::ScriptPerOnce),
        ("text/part-handler", Self::PartHandler),
        ("text/jinja2", Self::Jinja),
    ];

    /// By how a text begins; white space before it is passed over, as cloud-init does.
    #[must_use]
    pub fn of_text(text: &[u8]) -> Option<Self> {
        let start = beginning(text);
        let found = Self::HEADERS.iter().find(|(header, _)| start.starts_with(header.as_bytes()));
        let own = || is_own_header(start).then_some(Self::CloudConfig);
        found.map(|(_, format)| *format).or_else(own)
    }

    /// By a content type in lower case, without its parameters.
    #[must_use]
    pub fn of_type(name: &str) -> Option<Self> {
        Self::TYPES.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// The content type that makes cloud-init see it so. What it cannot tell it looks at by itself.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        Self::TYPES.iter().find(|(_, format)| *format == self).map_or("text/plain", |(name, _)| name)
    }
}

/// Whether a text begins as only we understand it.
pub(super) fn is_own_header(text: &[u8]) -> bool {
    let rest = beginning(text).strip_prefix(OWN_HEADER.as_bytes());
    rest.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

/// A text from its first character on; a byte order mark is none.
pub(super) fn beginning(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn each_beginning_has_its_format_and_the_longer_one_counts() {
        let of = |text: &str| Format::of_text(text.as_bytes());
        assert_eq!(of("#cloud-config\n"), Some(Format::CloudConfig));
        assert_eq!(of("#cloud-config-archive\n"), Some(Format::Archive));
        assert_eq!(of("#include-once http://a\n"), Some(Format::IncludeOnce));
        assert_eq!(of("\n  #!/bin/sh\n"), Some(Format::Script));
        assert_eq!(of("## template: jinja\n#cloud-config\n"), Some(Format::Jinja));
        assert_eq!(of("#cloud-init\r\n"), Some(Format::CloudConfig));
        assert_eq!(of("#cloud-initiative\n"), None);
        assert_eq!(of("<html>"), None);
    }

    #[test]
    fn content_types_lead_back_to_their_formats() {
        for (name, format) in Format::TYPES {
            assert_eq!(Format::of_type(name), Some(format));
            assert_eq!(format.content_type(), name);
        }
    }
}
