//! The Machinefile that `machine init` writes.

use crate::id::Name;

/// A commented Machinefile of one machine. `id` is what tells two projects of one name apart: six random characters.
/// `schema` is where editors find the schema, a URL or a path.
#[must_use]
pub fn machinefile(name: &Name, id: &Name, schema: &str) -> String {
    format!(
        r#"# yaml-language-server: $schema={schema}

# The project. Every object that `machine` creates carries these two; keep the id when you rename.
name: {name}
id: {id}

# What every machine inherits.
defaults:
  provider: qemu
  image: debian-13
  resources:
    ram: 2          # GB
    cpus: 2

machines:
  web:
    # count: 3                        # web-1, web-2, web-3
    # ports: ["8080:80"]              # 127.0.0.1:8080 here leads to port 80 there
    # engine: {{ options: {{ log-driver: local }} }}

# compose:
#   site:
#     on: web
#     files: [compose.yaml]
"#
    )
}
