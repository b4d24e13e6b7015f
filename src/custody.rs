//! What comes to a project and leaves it without being touched: a machine that is let go, one that is taken over.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::id::{Name, ResourceId};
use crate::reconcile::Proposal;
use crate::resource::{Context, Failure, Link, Observation, Resource};
use crate::store::{self, Record, Store, Transition};

/// Why something is still, or not yet, the project's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Failure(#[from] Failure),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What the project has of a machine that is to be let go.
#[derive(Debug)]
pub struct Leaving {
    /// There, at a provider, with our label.
    labelled: Vec<Arc<dyn Resource>>,
    records: Vec<ResourceId>,
}

impl Leaving {
    /// By a look at the whole project.
    #[must_use]
    pub fn of(proposal: &Proposal, name: &str) -> Self {
        let (graph, observed) = (&proposal.sight.graph, &proposal.sight.observed);
        let of_it = |resource: &Arc<dyn Resource>| resource.machine() == Some(name) && !resource.is_group();
        let is_there = |resource: &Arc<dyn Resource>| matches!(observed.get(resource.id()), Observation::Present(_));
        let all = graph.nodes().map(|(_, node)| Arc::clone(&node.resource)).filter(of_it).filter(is_there);
        let known = proposal.recorded().realms().map(|(id, _)| id);
        Self {
            labelled: all.filter(|resource| resource.realm().is_some()).collect(),
            records: known.filter(|id| id.of_machine(name, name).is_some()).cloned().collect(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labelled.is_empty() && self.records.is_empty()
    }

    /// What is let go, parents first.
    pub fn ids(&self) -> impl Iterator<Item = &ResourceId> {
        self.labelled.iter().map(|resource| resource.id())
    }

    /// Lets it go: labels first, then our records. What hangs on others goes before them, so that a run that is cut leaves the
    /// rest to be found by its label. How it is removed by hand is returned.
    pub async fn let_go(&self, store: &dyn Store, cx: &Context) -> Result<Vec<String>, Error> {
        let mut by_hand = Vec::new();
        for resource in self.labelled.iter().rev() {
            let line = resource.disown(cx).await?;
            let lives_inside = resource.parents().iter().any(|parent| parent.link == Link::Within);
            if !lives_inside && !by_hand.contains(&line) {
                by_hand.push(line);
            }
        }
        for id in &self.records {
            store.write(Transition::Gone { id: id.clone() }).await?;
        }
        Ok(by_hand)
    }
}

/// Makes what a provider calls `object` the machine of this name: our label first, then our record. A run that is cut in between
/// leaves something that the next look finds by its label.
pub async fn take_over(
    catalog: &Catalog,
    name: &Name,
    object: &str,
    store: &dyn Store,
    cx: &Context,
) -> Result<(), Error> {
    let missing = || Failure::new(format!("no machine is called `{name}`"));
    let resource = catalog.machine(name).ok_or_else(missing)?;
    let provider = catalog.providers.values().find(|provider| Some(provider.name()) == resource.realm());
    provider.ok_or_else(missing)?.adopt(object, name, cx).await?;
    let Observation::Present(attributes) = resource.read(cx).await else {
        let failure = Failure::new(format!("{} was taken over and cannot be seen", resource.id()));
        return Err(failure.hint("see `machine plan`").into());
    };
    let (parents, realm) = (resource.parents().to_vec(), resource.realm().map(str::to_owned));
    let record = Record { attributes: attributes.into(), parents, token: String::new(), realm };
    Ok(store.write(Transition::Hold { id: resource.id().clone(), record }).await?)
}
