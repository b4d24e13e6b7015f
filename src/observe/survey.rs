//! The batched part of a look: one listing per source.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::id::ResourceId;
use crate::resource::{Context, Failure, Found, Page, Resource, Retry, Source, Turn};
use crate::value::Attributes;

/// What the sources listed.
pub(super) struct Survey {
    /// By id; in which source, and what.
    found: HashMap<ResourceId, Vec<(usize, Found)>>,
    sources: Vec<Arc<dyn Source>>,
    blind: HashMap<String, Failure>,
}

pub(super) async fn survey(sources: &[Arc<dyn Source>], cx: &Context) -> Survey {
    let listings = join_all(sources.iter().map(|source| list(source.as_ref(), cx))).await;
    let mut survey = Survey { found: HashMap::new(), sources: sources.to_vec(), blind: HashMap::new() };
    for (index, listing) in listings.into_iter().enumerate() {
        match listing {
            Ok(found) => {
                for item in found {
                    survey.found.entry(item.id.clone()).or_default().push((index, item));
                }
            }
            Err(failure) => _ = survey.blind.insert(sources[index].name().to_owned(), failure),
        }
    }
    survey
}

/// All pages of a listing.
pub(super) async fn list(source: &dyn Source, cx: &Context) -> Result<Vec<Found>, Failure> {
    let mut turn = cx.limits.turn(Some(source.name())).await;
    let (mut found, mut next) = (Vec::new(), None::<String>);
    loop {
        let mut page = page(source, next.as_deref(), &mut turn, cx).await?;
        found.append(&mut page.found);
        next = page.next;
        if next.is_none() {
            return Ok(found);
        }
        if let Some(turn) = &mut turn {
            turn.go_on().await;
        }
    }
}

/// A page that cannot be had in passing is asked for again: being blind costs more than waiting.
async fn page(source: &dyn Source, from: Option<&str>, turn: &mut Option<Turn>, cx: &Context) -> Result<Page, Failure> {
    let mut wait = FIRST_WAIT;
    loop {
        let failure = match source.list(cx, from).await {
            Err(failure) if wait <= LAST_WAIT && !cx.cancel.is_cancelled() => failure,
            result => return result,
        };
        let Retry::Later(asked) = failure.retry else { return Err(failure) };
        if let (Some(turn), Some(asked)) = (&*turn, asked) {
            turn.budget().refused(asked);
        }
        tokio::time::sleep(asked.unwrap_or(wait)).await;
        if let Some(turn) = turn {
            turn.go_on().await;
        }
        wait *= 2;
    }
}

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LAST_WAIT: Duration = Duration::from_secs(13);

impl Survey {
    /// What the source of this name lists under an id; given once.
    pub(super) fn take(&mut self, id: &ResourceId, realm: &str) -> Option<Attributes> {
        let found = self.found.get_mut(id)?;
        let at = found.iter().position(|(source, _)| self.sources[*source].name() == realm)?;
        Some(found.swap_remove(at).1.attributes)
    }

    /// Whether the source of this name lists an id.
    pub(super) fn lists(&self, id: &ResourceId, realm: &str) -> bool {
        self.found.get(id).is_some_and(|found| found.iter().any(|(source, _)| self.sources[*source].name() == realm))
    }

    /// All that the source of this name lists, in the order of ids.
    pub(super) fn all_of(&self, realm: &str) -> Vec<Found> {
        let of_it = |(source, _): &&(usize, Found)| self.sources[*source].name() == realm;
        let mut all: Vec<_> = self.found.values().flatten().filter(of_it).map(|(_, found)| found.clone()).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// As if the source of this name had listed it.
    pub(super) fn add(&mut self, found: Found, realm: &str) {
        if let Some(source) = self.sources.iter().position(|source| source.name() == realm) {
            self.found.entry(found.id.clone()).or_default().push((source, found));
        }
    }

    /// What some source lists under an id.
    pub(super) fn anywhere(&self, id: &ResourceId) -> Option<&Attributes> {
        self.found.get(id)?.first().map(|(_, found)| &found.attributes)
    }

    /// Another source that lists the same id.
    pub(super) fn elsewhere(&self, id: &ResourceId, realm: &str) -> Option<&str> {
        self.found.get(id)?.iter().map(|(source, _)| self.sources[*source].name()).find(|name| *name != realm)
    }

    pub(super) fn failure(&self, source: &str) -> Option<&Failure> {
        self.blind.get(source)
    }

    /// Handles to what was listed and is in none of `known`, in the order of ids.
    pub(super) fn orphans(&self, desired: &[Arc<dyn Resource>], known: &[Arc<dyn Resource>]) -> Vec<Arc<dyn Resource>> {
        let known: HashSet<_> = desired.iter().chain(known).map(|resource| resource.id()).collect();
        let mut strays: Vec<_> =
            self.found.values().flatten().filter(|(_, found)| !known.contains(&found.id)).collect();
        strays.sort_by(|a, b| (&a.1.id, a.0).cmp(&(&b.1.id, b.0)));
        strays.dedup_by(|a, b| a.1.id == b.1.id);
        strays.into_iter().filter_map(|(source, found)| self.sources[*source].revive(found)).collect()
    }

    pub(super) fn into_blind(self) -> Vec<(String, Failure)> {
        let mut blind: Vec<_> = self.blind.into_iter().collect();
        blind.sort_by(|a, b| a.0.cmp(&b.0));
        blind
    }
}
