//! `machine audit`: what the settings come to, where each is from, and whether the world is so.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::args::{Args, Audit, Global, Notation};
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, say, tell};
use super::terminal::{self, Stream};
use crate::config::history::Leaf;
use crate::config::selector::{self, Selector};
use crate::config::{self, Layer};
use crate::note::suggestion;
use crate::provider::DRIVERS;
use crate::reconcile::{Goal, Request};
use crate::report::{self, Detail, configuration};
use crate::value::{Path, Value, json, plain};

pub(super) async fn run(global: &Global, verb: &Audit) -> Result<Exit, Error> {
    let mut project = Project::load(global).await?;
    let schema = crate::schema::machinefile(DRIVERS);
    let leaves = || project.config.leaves(&schema, verb.show_secrets);
    if let Some(path) = &verb.why {
        return why(global, verb, &project, &schema, path);
    }
    if let Some(layer) = verb.diff {
        let found = project.config.difference(layer, &schema, verb.show_secrets);
        say(&match verb.output {
            Some(Notation::Json) => pretty(&report::difference_json(&found)),
            _ => report::difference(layer, &found, terminal::style(global, Stream::Output)),
        });
        return Ok(Exit::Done);
    }
    if verb.environment {
        say(&environment(&project, &leaves()));
        return Ok(Exit::Done);
    }
    if verb.dump_config || verb.origins {
        say(&dump(verb, &project, &schema, &leaves())?);
        return Ok(Exit::Done);
    }
    drift(global, verb, &mut project).await
}

fn pretty(value: &Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).expect("plain data"))
}

fn dump(verb: &Audit, project: &Project, schema: &Value, leaves: &[Leaf]) -> Result<String, Error> {
    let form = verb.output.unwrap_or(Notation::Yaml);
    if verb.origins && form == Notation::Json {
        return Ok(pretty(&configuration::origins(leaves)));
    }
    let name = project.owner().project.as_str();
    let settings = project.config.dump(schema, verb.show_secrets, name);
    let mut places = if verb.origins { configuration::places(leaves) } else { configuration::Places::new() };
    if verb.origins {
        places.entry(Path::parse("name")).or_insert_with(|| "the folder's name".to_owned());
    }
    match form {
        Notation::Yaml | Notation::Text => Ok(configuration::yaml(&settings, &places)),
        Notation::Json => Ok(pretty(&settings)),
        Notation::Toml => configuration::toml(&settings, &places).ok_or_else(|| {
            let error = Error::failed("a list has an item that says nothing, and TOML cannot write that");
            error.hint("take the item out, or use -o yaml")
        }),
    }
}

/// The chain for one setting.
fn why(global: &Global, verb: &Audit, project: &Project, schema: &Value, text: &str) -> Result<Exit, Error> {
    let path = Selector::parse(text).and_then(|selector| selector.path());
    let path = path.map_err(|why| Error::usage(format!("`{text}` is no path of one setting: {why}")))?;
    let config = &project.config;
    let style = terminal::style(global, Stream::Output);
    let chain = config.chain(&path, schema, verb.show_secrets);
    if verb.output == Some(Notation::Json) {
        let leaves = config.leaves(schema, verb.show_secrets);
        let below: Vec<_> = leaves.into_iter().filter(|leaf| leaf.path.keys().starts_with(path.keys())).collect();
        say(&pretty(&configuration::origins(&below)));
        return Ok(Exit::Done);
    }
    if !chain.is_empty() {
        say(&report::chain(&path, &chain, style));
    }
    let said = chain.iter().any(|said| said.dropped.is_none());
    if said {
        return Ok(Exit::Done);
    }
    if let Some(above) = config.inherited(&path) {
        let above_chain = config.chain(&above, schema, verb.show_secrets);
        say(&format!("{text} is inherited from {}\n", selector::written(&above)));
        say(&report::chain(&above, &above_chain, style));
        return Ok(Exit::Done);
    }
    match config::known(schema, &path) {
        Ok(Some(default)) => say(&format!("{text} is written nowhere; it is {} unless given\n", plain(&default))),
        Ok(None) => say(&format!("{text} is written nowhere\n")),
        Err(keys) => {
            let last = path.keys().last().map(String::as_str).unwrap_or_default();
            let error = Error::usage(format!("there is no setting `{text}`"));
            let known: Vec<_> = keys.iter().map(String::as_str).collect();
            return Err(if known.is_empty() { error } else { error.hint(suggestion(last, known)) });
        }
    }
    Ok(Exit::Done)
}

/// Every variable that is read: those of flags, those that set something, those that files fill in, the system's.
fn environment(project: &Project, leaves: &[Leaf]) -> String {
    let environment = config::environment();
    let mut text = String::new();
    let mut line = |name: &str, what: &str| {
        let mark = if environment.get(name).is_some_and(|value| !value.is_empty()) { "set" } else { "" };
        _ = writeln!(text, "{mark:<4}{name:<48} {what}");
    };
    for (name, what) in SYSTEM {
        line(name, what);
    }
    let command = Args::command();
    let commands = std::iter::once(&command).chain(command.get_subcommands().filter(|verb| !verb.is_hide_set()));
    let mut flags: Vec<_> = commands.flat_map(clap::Command::get_arguments).filter_map(flag).collect();
    flags.sort();
    flags.dedup();
    for (name, flag) in flags {
        line(&name, &format!("--{flag}"));
    }
    for name in project.config.variables() {
        line(&name, "filled in where a file says ${…}");
    }
    let mut setting: Vec<_> = leaves.iter().map(|leaf| (config::variable(&leaf.path), leaf.path.clone())).collect();
    setting.retain(|(name, _)| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    let named: std::collections::BTreeSet<_> = setting.iter().map(|(name, _)| name.clone()).collect();
    for (name, path) in &setting {
        line(name, &selector::written(path));
    }
    for name in environment.keys().filter(|name| name.starts_with(config::PREFIX) && !named.contains(*name)) {
        line(name, "sets nothing in effect");
    }
    text
}

/// Read beside our own.
const SYSTEM: [(&str, &str); 12] = [
    ("HOME", "what ~/ means"),
    ("USER", "who holds a lock"),
    ("MACHINE_GLOBAL_CONFIG", "the folder of the computer's settings, instead of /etc/machine"),
    ("XDG_CONFIG_HOME", "the user's settings"),
    ("XDG_STATE_HOME", "journals, records, keys"),
    ("XDG_DATA_HOME", "virtual machines"),
    ("XDG_CACHE_HOME", "images"),
    ("XDG_RUNTIME_DIR", "sockets"),
    ("SSH_AUTH_SOCK", "the SSH agent, where ssh.agent is on"),
    ("NO_COLOR", "no colours"),
    ("TERM", "no colours where it is dumb"),
    ("PATH", "where programs are found"),
];

fn flag(argument: &clap::Arg) -> Option<(String, String)> {
    Some((argument.get_env()?.to_str()?.to_owned(), argument.get_long()?.to_owned()))
}

/// Whether the world is as the settings say, and the settings say nothing in vain.
async fn drift(global: &Global, verb: &Audit, project: &mut Project) -> Result<Exit, Error> {
    let proposal = project.propose(global, &Request::new(Goal::Up, global.parallel.into())).await?;
    let plan = &proposal.plan;
    let warnings = project.config.warnings.len() + project.notes.len();
    let name = project.owner().project.as_str();
    if verb.output == Some(Notation::Json) {
        let settings = project.config.warnings.iter().map(|warning| {
            let (line, column) = warning.origin.line_column();
            let source = &warning.origin.source.name;
            json!({ "message": warning.message, "source": source, "line": line, "column": column, "hint": warning.hint })
        });
        let notes = project.notes.iter().map(|note| {
            let origin = project.config.nearest_origin(&note.path);
            let (line, column) = origin.line_column();
            json!({
                "message": note.message, "path": selector::written(&note.path), "source": origin.source.name,
                "line": line, "column": column, "hint": note.hint,
            })
        });
        let plan: Value = serde_json::from_str(&report::plan_json(plan, name)).expect("our own JSON");
        say(&pretty(&json!({ "findings": settings.chain(notes).collect::<Vec<_>>(), "plan": plan })));
    } else {
        say(&report::plan(plan, Detail::Changes, terminal::style(global, Stream::Output)));
        say(&report::ignored_differences(plan));
    }
    let clean = warnings == 0 && plan.is_empty() && proposal.sight.blind.is_empty();
    if !clean && verb.output != Some(Notation::Json) {
        let words = if warnings == 1 { "1 warning".to_owned() } else { format!("{warnings} warnings") };
        tell(&format!("Findings: {words} about the settings, {} steps to make the world so.\n", plan.steps.len()));
    }
    Ok(if clean { Exit::Done } else { Exit::Findings })
}

/// The layers that `--diff` takes, for messages.
impl clap::ValueEnum for Layer {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.as_str()))
    }
}
