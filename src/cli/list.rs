//! `machine ls`.

use super::args::{Global, List, Output};
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, say};
use crate::observe::Sight;
use crate::provider::output;
use crate::reconcile::{Goal, Request};
use crate::report::{self, Row};
use crate::resource::Observation;
use crate::value::{Attributes, plain};

pub(super) async fn run(global: &Global, verb: &List) -> Result<Exit, Error> {
    let mut project = Project::load(global).await?;
    if verb.quiet {
        let names: Vec<_> = project.desired.machines.keys().map(|name| format!("{name}\n")).collect();
        say(&names.concat());
        return Ok(Exit::Done);
    }
    let proposal = project.propose(global, &Request::new(Goal::Up, global.parallel.into())).await?;
    let rows = rows(&project, &proposal.sight);
    say(&match verb.output {
        Output::Text => report::machines(&rows),
        Output::Json => report::machines_json(&rows),
    });
    Ok(Exit::Done)
}

fn rows(project: &Project, sight: &Sight) -> Vec<Row> {
    let mut rows = Vec::new();
    for machine in project.desired.machines.values() {
        let Some(id) = project.catalog.machines.get(&machine.name) else { continue };
        let none = Attributes::new();
        let (state, attributes) = match sight.observed.get(id) {
            Observation::Present(attributes) => (text(attributes, output::POWER), attributes),
            Observation::Absent => ("absent".to_owned(), &none),
            Observation::Unreadable(_) => ("unreadable".to_owned(), &none),
        };
        let inside = |kind: &str, attribute: &str| {
            let id = crate::id::ResourceId::new(kind, &machine.name);
            match sight.observed.get(&id) {
                Observation::Present(attributes) => text(attributes, attribute),
                _ => String::new(),
            }
        };
        rows.push(Row {
            name: machine.name.to_string(),
            provider: machine.provider.to_string(),
            state,
            address: text(attributes, output::ADDRESS),
            ssh: text(attributes, output::SSH),
            engine: inside("engine.package", "exact-version"),
            compose: compose(project, sight, &machine.name),
        });
    }
    rows
}

fn text(attributes: &Attributes, name: &str) -> String {
    attributes.get(name).map(plain).unwrap_or_default()
}

fn compose(project: &Project, sight: &Sight, machine: &crate::id::Name) -> Vec<String> {
    let mut projects = Vec::new();
    for compose in project.desired.compose.values().filter(|compose| compose.on.contains(machine)) {
        let id = crate::id::ResourceId::new("compose.project", format!("{}@{machine}", compose.name));
        let how = match sight.observed.get(&id) {
            Observation::Present(attributes) => text(attributes, "services"),
            Observation::Absent => "absent".to_owned(),
            Observation::Unreadable(_) => "unreadable".to_owned(),
        };
        projects.push(format!("{}: {how}", compose.name));
    }
    projects
}
