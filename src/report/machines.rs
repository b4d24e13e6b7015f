//! The table of machines.

use std::fmt::Write as _;

use serde::Serialize;

/// One machine as `machine ls` shows it. Empty text means unknown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    pub name: String,
    pub provider: String,
    /// `running`, `stopped`, `absent`, or `unreadable`.
    pub state: String,
    /// On the project's segment.
    pub address: String,
    /// `address:port` that answers SSH from here.
    pub ssh: String,
    /// The engine's version.
    pub engine: String,
    /// Compose projects and how they are.
    pub compose: Vec<String>,
}

/// A table with a heading; ends with a line break.
#[must_use]
pub fn machines(rows: &[Row]) -> String {
    let heading = ["NAME", "PROVIDER", "STATE", "ADDRESS", "SSH", "ENGINE", "COMPOSE"].map(str::to_owned);
    let mut table = vec![heading];
    for row in rows {
        let cells =
            [&row.name, &row.provider, &row.state, &row.address, &row.ssh, &row.engine, &row.compose.join(", ")];
        table.push(cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { cell.clone() }));
    }
    let mut text = String::new();
    for cells in &table {
        let mut line = String::new();
        for (column, cell) in cells.iter().enumerate() {
            let width = table.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
            _ = write!(line, "{cell:<width$}   ");
        }
        _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Pretty-printed array; ends with a line break.
#[must_use]
pub fn machines_json(rows: &[Row]) -> String {
    format!("{}\n", serde_json::to_string_pretty(rows).expect("plain data"))
}
