//! What a cloud-config says to us: the model under `cloud-machine:`, and an engine's options under `docker:`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::directive::{EXCLUDE, OVERRIDE};
use super::error::Problem;
use super::node::{Node, Scalar, Tree};
use super::selector::Selector;
use super::validate::EXTENSION;
use crate::id::Name;
use crate::note;
use crate::origin::Origin;
use crate::value::Value;

/// The key that holds the model.
pub(super) const MODEL: &str = "cloud-machine";
const DOCKER: &str = "docker";
const RANCHER: &str = "rancher";

/// Whose settings a machine's keys are.
#[derive(Clone, Copy)]
pub(super) enum Whose<'a> {
    /// What every machine inherits.
    All,
    Machine(&'a Name),
}

impl Whose<'_> {
    fn path(self) -> Vec<String> {
        match self {
            Self::All => vec!["defaults".to_owned()],
            Self::Machine(name) => vec!["machines".to_owned(), name.to_string()],
        }
    }
}

/// What was found of ours.
pub(super) struct Settings {
    /// In the form of a Machinefile; `None` when nothing of it is ours.
    pub(super) root: Option<Node>,
    pub(super) warnings: Vec<Problem>,
    pub(super) problems: Vec<Problem>,
    /// Which bytes were looked at: those of values.
    used: Vec<Origin>,
    /// It is none that the guest could use either.
    whole: bool,
}

impl Settings {
    /// Whether a place is in the part of the text that is ours.
    pub(super) fn covers(&self, origin: &Origin) -> bool {
        let within = |used: &Range<usize>| used.start <= origin.span.start && origin.span.start <= used.end;
        self.whole || self.used.iter().any(|used| within(&used.span))
    }

    /// The same with the keys before them.
    pub(super) fn used(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for origin in &self.used {
            let between = text.get(origin.key.end..origin.span.start).unwrap_or("\0");
            if origin.key == origin.span {
                let colon = text.get(origin.key.end..).is_some_and(|rest| rest.starts_with(':'));
                found.push(origin.key.start..origin.key.end + usize::from(colon));
                continue;
            }
            let joined = between.trim_start_matches([':', ' ', '\n', '\r', '\t']).is_empty();
            if joined {
                found.push(origin.key.start..origin.span.end);
            } else {
                found.extend([origin.key.clone(), origin.span.clone()]);
            }
        }
        found
    }

    fn lay(&mut self, path: &[String], node: Node) {
        let root = self.root.get_or_insert_with(|| Node::new(Tree::Map(BTreeMap::new()), node.origin.clone()));
        root.lay(path, node);
    }

    fn warn(&mut self, problem: Problem) {
        self.warnings.push(problem);
    }
}

/// Takes ours out of a cloud-config.
pub(super) fn settings(root: Node, whose: Whose<'_>, schema: &Value) -> Settings {
    let mut found = Settings { root: None, warnings: Vec::new(), problems: Vec::new(), used: Vec::new(), whole: false };
    let origin = root.origin.clone();
    let mut entries = match root.tree {
        Tree::Map(entries) => entries,
        Tree::Scalar(Scalar::Null) => return found,
        _ => {
            let problem = Problem::new(origin, format!("a cloud-config is a map with our settings under `{MODEL}`"));
            found.problems.push(problem.hint(format!("write `{MODEL}:` and the settings below it")));
            found.whole = true;
            return found;
        }
    };
    if let Some(rancher) = entries.remove(RANCHER).filter(|node| !node.is_null()) {
        self::rancher(&mut found, rancher, whose);
    }
    if let Some(docker) = entries.remove(DOCKER).filter(|node| !node.is_null()) {
        engine(&mut found, docker, whose);
    }
    if let Some(model) = entries.remove(MODEL).filter(|node| !node.is_null()) {
        self::model(&mut found, model, whose, schema);
    }
    for (key, node) in entries {
        let spelt = key.to_lowercase().replace('_', "-");
        if note::nearest(&spelt, [MODEL]).is_some() {
            let origin = Origin { span: node.origin.key.clone(), ..node.origin };
            found.used.push(origin.clone());
            let problem = Problem::new(origin, format!("`{key}` means nothing here"));
            found.warn(problem.hint(format!("did you mean `{MODEL}`?")));
        }
    }
    found
}

/// Keys of a Machinefile stay where they are, keys of a machine are those of the machines meant.
fn model(found: &mut Settings, node: Node, whose: Whose<'_>, schema: &Value) {
    found.used.push(node.origin.clone());
    let Tree::Map(entries) = node.tree else {
        let problem = Problem::new(node.origin, format!("`{MODEL}` takes a map of settings"));
        found.problems.push(problem.hint("write `resources:` below it"));
        return;
    };
    let machine = &schema["properties"]["defaults"]["properties"];
    let own = |key: &str| machine.get(key).is_some() && schema["properties"].get(key).is_none();
    found.root.get_or_insert_with(|| Node::new(Tree::Map(BTreeMap::new()), node.origin.clone()));
    for (key, mut node) in entries {
        let lay_below = |key: &str| matches!(whose, Whose::Machine(_)) || own(key);
        if [EXCLUDE, OVERRIDE].contains(&key.as_str()) {
            redirect(&mut node, &whose.path(), lay_below);
            found.lay(&[key], node);
            continue;
        }
        let mut path = if lay_below(&key) { whose.path() } else { Vec::new() };
        path.push(key);
        found.lay(&path, node);
    }
}

/// Makes the paths of a directive lead where the keys themselves go.
fn redirect(node: &mut Node, path: &[String], lay_below: impl Fn(&str) -> bool) {
    node.walk_mut(&mut |item| {
        let Tree::Scalar(Scalar::Text(text)) = &mut item.tree else { return };
        if let Ok(selector) = Selector::parse(text)
            && lay_below(selector.first())
        {
            *text = selector.below(path).to_string();
        }
    });
}

/// `docker:` is about the system's engine; everything else speaks of an operating system that we do not install.
fn rancher(found: &mut Settings, node: Node, whose: Whose<'_>) {
    found.used.push(node.origin.clone());
    let Tree::Map(mut entries) = node.tree else {
        found.warn(Problem::new(node.origin, format!("`{RANCHER}` holds nothing that can be used here")));
        return;
    };
    let docker = entries.remove(DOCKER).filter(|node| !node.is_null());
    for (key, node) in entries.into_iter().filter(|(_, node)| !node.is_null()) {
        let problem = Problem::new(node.origin, format!("`{RANCHER}.{key}` is of RancherOS and means nothing here"));
        found.warn(problem.at_key().hint("only `rancher.docker` is used, as options of the engine"));
    }
    if let Some(docker) = docker {
        engine(found, docker, whose);
    }
}

/// RancherOS names that are not `daemon.json`'s with `-` for `_`.
const RENAMED: [(&str, &str); 6] = [
    ("graph", "data-root"),
    ("host", "hosts"),
    ("insecure_registry", "insecure-registries"),
    ("log_opt", "log-opts"),
    ("pid_file", "pidfile"),
    ("registry_mirror", "registry-mirrors"),
];
/// Lists in `daemon.json`, single texts there.
const LISTS: [&str; 3] = ["hosts", "insecure-registries", "registry-mirrors"];
/// What an engine cannot be told in `daemon.json`.
const UNUSABLE: [&str; 14] = [
    "engine",
    "exec",
    "storage_context",
    "restart",
    "tls",
    "tls_args",
    "extra_args",
    "server_cert",
    "server_key",
    "ca_cert",
    "ca_key",
    "environment",
    "config_file",
    "selinux_label",
];

fn engine(found: &mut Settings, node: Node, whose: Whose<'_>) {
    found.used.push(node.origin.clone());
    let origin = node.origin;
    let Tree::Map(entries) = node.tree else {
        found.warn(Problem::new(origin, format!("`{DOCKER}` takes a map of the engine's options")));
        return;
    };
    let mut options = BTreeMap::new();
    for (key, mut node) in entries.into_iter().filter(|(key, node)| !node.is_null() && !key.starts_with(EXTENSION)) {
        if UNUSABLE.contains(&key.as_str()) {
            let problem = Problem::new(node.origin, format!("`{key}` is no option of an engine"));
            found.warn(problem.at_key().hint("options go by their names in `daemon.json`"));
            continue;
        }
        let renamed = RENAMED.iter().find(|(from, _)| *from == key).map(|(_, to)| (*to).to_owned());
        let key = renamed.unwrap_or_else(|| key.replace('_', "-"));
        if LISTS.contains(&key.as_str()) && matches!(node.tree, Tree::Scalar(_)) {
            let item = node.clone();
            node.tree = Tree::List(vec![item]);
        }
        options.insert(key, node);
    }
    let mut path = whose.path();
    path.extend(["engine".to_owned(), "options".to_owned()]);
    found.lay(&path, Node::new(Tree::Map(options), origin));
}
