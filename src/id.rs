//! Who a resource is: validated names, kinds, and the identity made of both.

use std::fmt;
use std::sync::Arc;

/// A name a user may give: lower-case letters, digits and `-`, starting with a letter, at most 63 bytes,
/// so that it is also a host name label (RFC 1123), a file name and a shell word.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a text is not a [`Name`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a name: use lower-case letters, digits and `-`, start with a letter, at most 63 characters")]
pub struct InvalidName(pub String);

impl Name {
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let starts = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let all = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if starts && all && text.len() <= 63 && !text.ends_with('-') {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName(text.to_owned()))
        }
    }

    /// The `n`th (from 1) member of a machine declared with `count`: `worker-2`.
    #[must_use]
    pub fn member(&self, n: u32) -> Self {
        Self(format!("{}-{n}", self.0).into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// What sort of thing a resource is: `qemu.vm`, `engine.daemon`, `compose.project`.
pub type Kind = &'static str;

/// `kind/name`, unique within a project. Ordered, so that every listing has one order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    text: Arc<str>,
    slash: u16,
}

impl ResourceId {
    /// `name` may hold dots and `@` beside what a [`Name`] holds: `web.root`, `site@web`.
    #[must_use]
    pub fn new(kind: &str, name: impl fmt::Display) -> Self {
        let slash = u16::try_from(kind.len()).expect("a kind is a short constant");
        Self { text: format!("{kind}/{name}").into(), slash }
    }

    /// Reads back what [`fmt::Display`] wrote; `None` when there is no `/`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        (!kind.is_empty() && !name.is_empty()).then(|| Self::new(kind, name))
    }

    /// The id that this one of the machine `now` would have if that were called `name`; `None` for what is of no machine of that
    /// name. By the forms `web`, `web.data` and `site@web`.
    #[must_use]
    pub fn of_machine(&self, now: &str, name: &str) -> Option<Self> {
        let own = self.name();
        let renamed = match own.rsplit_once('@') {
            Some((thing, machine)) if machine == now => format!("{thing}@{name}"),
            _ => match own.strip_prefix(now)? {
                rest if rest.is_empty() || rest.starts_with('.') => format!("{name}{rest}"),
                _ => return None,
            },
        };
        Some(Self::new(self.kind(), renamed))
    }

    #[must_use]
    pub fn kind(&self) -> &str {
        &self.text[..usize::from(self.slash)]
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.text[usize::from(self.slash) + 1..]
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whose an object is; written on every object we create, as tag, label or file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    pub project: Name,
    /// The Machinefile's `id`, which tells two projects of one name apart.
    pub id: Option<Name>,
}

impl Owner {
    /// `shop-k3v9qx`, or `shop` without an id: unique per project, a file name and a label value.
    #[must_use]
    pub fn slug(&self) -> String {
        match &self.id {
            Some(id) => format!("{}-{id}", self.project),
            None => self.project.to_string(),
        }
    }
}
