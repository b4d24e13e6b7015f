//! `machine validate`.

use super::args::Global;
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, say};
use crate::graph::build;

pub(super) async fn run(global: &Global) -> Result<Exit, Error> {
    let project = Project::load_offline(global).await?;
    let graph = build(project.catalog.resources.clone(), Vec::new()).map_err(crate::reconcile::Error::from)?;
    let (machines, projects) = (project.desired.machines.len(), project.desired.compose.len());
    let owner = project.owner().slug();
    say(&format!("{owner}: valid; machines: {machines}, compose projects: {projects}, resources: {}\n", graph.len()));
    Ok(Exit::Done)
}
