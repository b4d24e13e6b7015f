//! The house rules, held by machine: who may import whom, how long files and functions may be, no forgotten test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module and those it may name beside itself. A row may only name rows above it, so the table has no cycle.
const LAYERS: &[(&str, &[&str])] = &[
    ("id", &[]),
    ("value", &[]),
    ("origin", &[]),
    ("dirs", &[]),
    ("cover", &["value"]),
    ("note", &["value", "cover"]),
    ("cloud_init", &[]),
    ("config", &["cover", "cloud_init", "id", "value", "origin", "note", "dirs"]),
    ("desired", &["cloud_init", "id", "value", "origin", "note", "config"]),
    ("resource", &["id", "value", "cover"]),
    ("store", &["id", "value", "resource"]),
    ("transport", &["cover", "desired", "id"]),
    ("keyring", &["id", "value", "dirs", "resource", "store"]),
    ("provider", &["cover", "cloud_init", "id", "value", "note", "dirs", "desired", "resource", "transport"]),
    (
        "host",
        &[
            "cover",
            "cloud_init",
            "id",
            "value",
            "note",
            "dirs",
            "desired",
            "resource",
            "transport",
            "provider",
            "keyring",
        ],
    ),
    (
        "catalog",
        &[
            "cloud_init",
            "id",
            "value",
            "note",
            "dirs",
            "desired",
            "resource",
            "transport",
            "provider",
            "host",
            "keyring",
        ],
    ),
    ("graph", &["id", "value", "resource"]),
    ("selection", &["id", "value", "resource", "graph"]),
    ("observe", &["id", "value", "resource", "graph", "selection"]),
    ("plan", &["id", "value", "resource", "store", "graph", "selection", "observe"]),
    ("apply", &["id", "value", "resource", "store", "graph", "plan"]),
    ("schema", &["config", "provider", "value"]),
    ("report", &["id", "value", "note", "origin", "config", "resource", "store", "graph", "observe", "plan", "apply"]),
    (
        "reconcile",
        &["id", "value", "note", "resource", "store", "graph", "selection", "catalog", "observe", "plan", "apply"],
    ),
    ("custody", &["id", "resource", "store", "catalog", "reconcile"]),
    ("saved", &["id", "value", "resource", "store", "graph", "selection", "catalog", "observe", "plan", "reconcile"]),
    (
        "cli",
        &[
            "cover",
            "id",
            "value",
            "note",
            "origin",
            "dirs",
            "cloud_init",
            "config",
            "desired",
            "resource",
            "store",
            "transport",
            "keyring",
            "provider",
            "host",
            "catalog",
            "graph",
            "selection",
            "observe",
            "plan",
            "apply",
            "schema",
            "report",
            "reconcile",
            "custody",
            "saved",
        ],
    ),
];

/// Modules that may print.
const SPEAKERS: &[&str] = &["report", "cli"];

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 80;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Lines without a trailing `mod tests`, comments and blanks kept.
fn code_lines(text: &str) -> Vec<&str> {
    text.lines().take_while(|line| *line != "#[cfg(test)]").collect()
}

fn module_of(path: &Path) -> String {
    let relative = path.strip_prefix(root().join("src")).expect("under src");
    let first = relative.iter().next().expect("a component").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The first segments after `crate::`, plain or in a braced list at the root.
fn named_modules(line: &str) -> BTreeSet<String> {
    line.split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn modules_name_only_modules_above_them() {
    let mut above = BTreeSet::new();
    for (module, may) in LAYERS {
        for name in *may {
            assert!(above.contains(name), "the table lets `{module}` name `{name}`, which stands below it");
        }
        assert!(above.insert(*module), "`{module}` stands twice in the table");
    }
    let table: BTreeMap<_, _> = LAYERS.iter().copied().collect();
    let mut faults = Vec::new();
    for path in sources(&root().join("src")) {
        let module = module_of(&path);
        if module == "lib" || module == "main" {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        let Some(may) = table.get(module.as_str()) else {
            faults.push(format!("{}: `{module}` is not in the table", path.display()));
            continue;
        };
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            assert!(!line.contains("use crate::{"), "{}:{}: one `use` per module", path.display(), number + 1);
            for name in named_modules(line) {
                let macro_call = name == "attributes";
                if name != module && !macro_call && !may.contains(&name.as_str()) {
                    faults.push(format!("{}:{}: `{module}` may not name `{name}`", path.display(), number + 1));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_module_is_in_the_table_and_nothing_else_is() {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("text");
    let declared: BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")).map(|rest| rest.trim_end_matches(';')).collect();
    let table: BTreeSet<_> = LAYERS.iter().map(|(module, _)| *module).collect();
    assert_eq!(declared, table);
}

#[test]
fn files_and_functions_stay_short() {
    let mut faults = Vec::new();
    for path in sources(&root().join("src")).into_iter().chain(sources(&root().join("tests"))) {
        let text = fs::read_to_string(&path).expect("text");
        let lines = code_lines(&text);
        if lines.len() > FILE_LINES {
            faults.push(format!("{}: {} lines", path.display(), lines.len()));
        }
        for (start, length) in functions(&lines) {
            if length > FUNCTION_LINES {
                faults.push(format!("{}:{}: a function of {length} lines", path.display(), start + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Start and length of every function, by rustfmt's indentation: it ends at the first `}` at its own depth.
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        let words: Vec<_> = body.split(' ').take(5).collect();
        let is_function = words.contains(&"fn") && !body.starts_with("//") && !line.trim_end().ends_with(';');
        if !is_function {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        if let Some(length) = lines[start..].iter().position(|line| line.trim_end() == close) {
            found.push((start, length + 1));
        }
    }
    found
}

#[test]
fn only_the_edges_print() {
    let mut faults = Vec::new();
    for path in sources(&root().join("src")) {
        if SPEAKERS.contains(&module_of(&path).as_str()) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        for (number, line) in text.lines().enumerate() {
            let speaks = ["print!(", "println!(", "eprint!(", "eprintln!(", "io::stdout()", "io::stderr()"];
            if speaks.iter().any(|word| line.contains(word)) {
                faults.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_test_file_is_forgotten_and_no_test_is_ignored() {
    let folder = root().join("tests/it");
    let main = fs::read_to_string(folder.join("main.rs")).expect("text");
    for entry in fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let counts = path.is_dir() && path.join("mod.rs").exists() || path.extension().is_some_and(|e| e == "rs");
        assert!(!counts || stem == "main" || main.contains(&format!("mod {stem};")), "{stem} is not in main.rs");
    }
    let ignored = format!("#[{}]", "ignore");
    for path in sources(&root().join("tests")).into_iter().chain(sources(&root().join("src"))) {
        assert!(!fs::read_to_string(&path).expect("text").contains(&ignored), "{}: ignored test", path.display());
    }
}

#[test]
fn every_module_says_what_it_is_for_and_every_to_do_has_an_owner() {
    for path in sources(&root().join("src")) {
        let text = fs::read_to_string(&path).expect("text");
        assert!(text.starts_with("//!"), "{} does not say what it is for", path.display());
        for (number, line) in text.lines().enumerate() {
            let owned = line.contains(&format!("{}(", "TODO"));
            assert!(owned || !line.contains("TODO"), "{}:{}: whose?", path.display(), number + 1);
        }
    }
}
