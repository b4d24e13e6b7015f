//! A network card of a machine.

/// What is said about a card; the rest is the driver's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// `virtio`, `e1000`, …
    pub model: Option<String>,
    /// In lower case.
    pub mac: Option<String>,
}
