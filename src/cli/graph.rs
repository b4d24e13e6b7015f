//! `machine graph`.

use super::args::{Global, Graph, GraphFormat};
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, say};
use crate::graph::{Format, build, render};

pub(super) async fn run(global: &Global, verb: &Graph) -> Result<Exit, Error> {
    let project = Project::load(global).await?;
    let graph = build(project.catalog.resources.clone(), Vec::new()).map_err(crate::reconcile::Error::from)?;
    let format = match verb.format {
        GraphFormat::Tree => Format::Tree,
        GraphFormat::Dot => Format::Dot,
        GraphFormat::Mermaid => Format::Mermaid,
        GraphFormat::Json => Format::Json,
    };
    say(&render(&graph, format));
    Ok(Exit::Done)
}
