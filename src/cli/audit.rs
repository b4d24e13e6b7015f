//! `machine audit`: what the settings come to, where each is from, and whether the world is so.

use clap::CommandFactory as _;

use super::args::{Args, Audit, Global, Notation};
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Broken, Project, say, tell};
use super::settings::{self, SYSTEM};
use super::terminal::{self, Stream};
use crate::config::history::Leaf;
use crate::config::selector::{self, Selector};
use crate::config::{self, Config, Layer};
use crate::note::suggestion;
use crate::provider::DRIVERS;
use crate::reconcile::{Goal, Request};
use crate::report::{self, Detail, configuration};
use crate::value::{Path, Value, json, plain};

pub(super) async fn run(global: &Global, verb: &Audit) -> Result<Exit, Error> {
    check_output(verb)?;
    let settings = verb.why.is_some() || verb.diff.is_some() || verb.environment || verb.dump_config || verb.origins;
    match Project::load_or_settings(global).await {
        Ok(mut project) if !settings => drift(global, verb, &mut project).await,
        Ok(project) => {
            let name = project.owner().project.to_string();
            shown(global, verb, &Subject { config: &project.config, name })?;
            Ok(Exit::Done)
        }
        Err(broken) => {
            let Broken { error, config } = *broken;
            // What is wrong with settings is best seen in what they come to.
            if let Some(config) = config.filter(|_| settings) {
                let name = name_of(global, &config);
                shown(global, verb, &Subject { config: &config, name })?;
            }
            Err(error)
        }
    }
}

/// The settings that are looked at, and whose they are.
struct Subject<'a> {
    config: &'a Config,
    name: String,
}

/// The project's name, where there is no more of it than its settings.
fn name_of(global: &Global, config: &Config) -> String {
    let given = global.project_name.clone().or_else(|| config.file.name.clone());
    given.unwrap_or_else(|| config.folder.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

fn shown(global: &Global, verb: &Audit, subject: &Subject<'_>) -> Result<(), Error> {
    let schema = crate::schema::machinefile(DRIVERS);
    let config = subject.config;
    let leaves = || config.leaves(&schema, verb.show_secrets);
    let json = verb.output == Some(Notation::Json);
    if let Some(path) = &verb.why {
        return why(global, verb, subject, &schema, path);
    }
    let text = if let Some(layer) = verb.diff {
        let found = config.difference(layer, &schema, verb.show_secrets);
        let style = terminal::style(global, Stream::Output);
        if json { pretty(&report::difference_json(&found)) } else { report::difference(layer, &found, style) }
    } else if verb.environment {
        let found = environment(config, &schema, &leaves());
        if json {
            pretty(&found.iter().map(Variable::json).collect())
        } else {
            found.iter().map(Variable::line).collect()
        }
    } else {
        dump(verb, subject, &schema, &leaves())?
    };
    say(&text);
    Ok(())
}

/// A configuration is printed in any notation, everything else as text or JSON.
fn check_output(verb: &Audit) -> Result<(), Error> {
    let configuration = verb.dump_config || verb.origins;
    match verb.output {
        Some(form @ (Notation::Yaml | Notation::Toml)) if !configuration => {
            let form = if form == Notation::Yaml { "yaml" } else { "toml" };
            let error = Error::usage(format!("-o {form} is for a configuration, and none is printed here"));
            Err(error.hint("use -o json, or add --dump-config"))
        }
        _ => Ok(()),
    }
}

fn pretty(value: &Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).expect("plain data"))
}

fn dump(verb: &Audit, subject: &Subject<'_>, schema: &Value, leaves: &[Leaf]) -> Result<String, Error> {
    let form = verb.output.unwrap_or(Notation::Yaml);
    if verb.origins && form == Notation::Json {
        return Ok(pretty(&configuration::origins(leaves)));
    }
    let settings = subject.config.dump(schema, verb.show_secrets, &subject.name);
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
fn why(global: &Global, verb: &Audit, subject: &Subject<'_>, schema: &Value, text: &str) -> Result<(), Error> {
    let path = Selector::parse(text).and_then(|selector| selector.path());
    let path = path.map_err(|why| Error::usage(format!("`{text}` is no path of one setting: {why}")))?;
    let config = subject.config;
    let chain = config.chain(&path, schema, verb.show_secrets);
    let said = chain.iter().any(|said| said.dropped.is_none());
    let above = config.inherited(&path).filter(|_| !said);
    let above = above.map(|above| (config.chain(&above, schema, verb.show_secrets), above));
    let default = if said || above.is_some() { None } else { unwritten(config, schema, &path, text)? };
    let default = if path == Path::parse("name") && !said { Some(subject.name.clone().into()) } else { default };
    if verb.output == Some(Notation::Json) {
        let leaves = config.leaves(schema, verb.show_secrets);
        let below: Vec<_> = leaves.into_iter().filter(|leaf| leaf.path.keys().starts_with(path.keys())).collect();
        let inherited = above
            .map(|(chain, above)| json!({ "path": selector::written(&above), "said": report::chain_json(&chain) }));
        say(&pretty(&json!({
            "path": selector::written(&path), "said": report::chain_json(&chain), "inherited": inherited,
            "default": default, "leaves": configuration::origins(&below),
        })));
        return Ok(());
    }
    let style = terminal::style(global, Stream::Output);
    if !chain.is_empty() {
        say(&report::chain(&path, &chain, style));
    }
    match (above, default) {
        _ if said => {}
        (Some((chain, above)), _) => {
            say(&format!("{text} is inherited from {}\n", selector::written(&above)));
            say(&report::chain(&above, &chain, style));
        }
        (None, Some(name)) if path == Path::parse("name") => {
            say(&format!("{text} is written nowhere; it is the folder's, {}\n", plain(&name)));
        }
        (None, Some(default)) => {
            say(&format!("{text} is written nowhere; it is {} unless given\n", plain(&default)));
        }
        (None, None) => say(&format!("{text} is written nowhere\n")),
    }
    Ok(())
}

/// What holds where nothing is written, as it is of a machine that is there and a setting that there can be.
fn unwritten(config: &Config, schema: &Value, path: &Path, text: &str) -> Result<Option<Value>, Error> {
    if let [machines, name, ..] = path.keys()
        && machines == "machines"
        && !config.has_machine(name)
    {
        let error = Error::usage(format!("there is no machine `{name}`"));
        let known: Vec<_> = config.merged_machines().collect();
        return Err(if known.is_empty() { error } else { error.hint(suggestion(name, known)) });
    }
    config::known(schema, path).map_err(|keys| {
        let last = path.keys().last().map(String::as_str).unwrap_or_default();
        let error = Error::usage(format!("there is no setting `{text}`"));
        let known: Vec<_> = keys.iter().map(String::as_str).collect();
        if known.is_empty() { error } else { error.hint(suggestion(last, known)) }
    })
}

/// A variable that is read.
struct Variable {
    name: String,
    is_set: bool,
    what: String,
}

impl Variable {
    fn line(&self) -> String {
        let mark = if self.is_set { "set" } else { "" };
        format!("{mark:<4}{:<48} {}\n", self.name, self.what)
    }

    fn json(&self) -> Value {
        json!({ "name": self.name, "set": self.is_set, "what": self.what })
    }
}

/// Every variable that is read: the system's, those of flags, those that secrets are in, those that files fill in, those
/// that set something.
fn environment(config: &Config, schema: &Value, leaves: &[Leaf]) -> Vec<Variable> {
    let environment = config::environment();
    let is_set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
    let mut found = Vec::new();
    let mut line = |name: &str, what: &str| {
        found.push(Variable { name: name.to_owned(), is_set: is_set(name), what: what.to_owned() });
    };
    for (name, what) in SYSTEM {
        line(name, what);
    }
    for (name, flag) in settings::of_flags(&Args::command()) {
        line(&name, &format!("--{flag}"));
    }
    for name in config.secret_variables(schema) {
        line(&name, "a secret, where a setting says { env: … }");
    }
    for name in config.variables() {
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
    found
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
        let (warnings, steps) = (report::count(warnings, "warning"), report::count(plan.steps.len(), "step"));
        tell(&format!("Findings: {warnings} about the settings, {steps} to make the world so.\n"));
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
