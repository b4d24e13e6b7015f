//! What a plan is bound to, as digests, and which resources it relies on.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::Basis;
use crate::catalog::Catalog;
use crate::graph::Graph;
use crate::id::ResourceId;
use crate::plan::{Action, Plan};
use crate::resource::Link;
use crate::store::Recorded;
use crate::value::{Path, json};

fn digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..16])
}

pub(super) fn texts(basis: &Basis<'_>) -> BTreeMap<String, String> {
    basis.texts.iter().map(|(name, text)| (name.clone(), digest(text))).collect()
}

/// What every resource is to be and hangs on, and what of it is left alone: a comment in the Machinefile changes nothing of it.
pub(super) fn settings(catalog: &Catalog) -> BTreeMap<ResourceId, String> {
    let mut settings = BTreeMap::new();
    for resource in &catalog.resources {
        let parents: Vec<_> = resource.parents().iter().map(|p| (p.link.as_str(), p.id.as_str())).collect();
        let ignored = catalog.ignored.get(resource.id()).filter(|paths| !paths.is_empty());
        let text = match ignored {
            None => json!([resource.desired(), parents]).to_string(),
            Some(paths) => {
                let paths: BTreeSet<_> = paths.iter().map(Path::keys).collect();
                json!([resource.desired(), parents, paths]).to_string()
            }
        };
        settings.insert(resource.id().clone(), digest(&text));
    }
    settings
}

/// What the store holds of a resource. An operation that was begun and never ended counts only where the plan has no
/// step of its own that would go on from there.
pub(super) fn written(recorded: &Recorded, id: &ResourceId, has_step: bool) -> Option<String> {
    let record = recorded.records.get(id).map(|record| json!([*record.attributes, record.token]));
    let intent = recorded.intents.get(id).filter(|_| !has_step);
    let intent = intent.map(|intent| json!([intent.operation, intent.token]));
    (record.is_some() || intent.is_some()).then(|| digest(&json!([record, intent]).to_string()))
}

/// What the steps touch, all that this hangs on, and all that hangs on what goes or is made anew.
pub(super) fn relations(graph: &Graph, plan: &Plan) -> BTreeSet<ResourceId> {
    let touched: Vec<_> = plan.steps.iter().filter_map(|step| graph.position(&step.resource)).collect();
    let shaken = plan.steps.iter().filter(|step| step.action != Action::Update);
    let mut below: Vec<_> = shaken.filter_map(|step| graph.position(&step.resource)).collect();
    let mut reached: BTreeSet<usize> = touched.into_iter().collect();
    let mut seen: BTreeSet<usize> = below.iter().copied().collect();
    while let Some(position) = below.pop() {
        for (child, _) in graph.children(position).filter(|(_, link)| *link != Link::After) {
            reached.insert(child);
            if seen.insert(child) {
                below.push(child);
            }
        }
    }
    let mut above: Vec<_> = reached.iter().copied().collect();
    while let Some(position) = above.pop() {
        above.extend(graph.parents(position).map(|(parent, _)| parent).filter(|parent| reached.insert(*parent)));
    }
    let things = reached.into_iter().map(|position| &graph.at(position).resource);
    things.filter(|resource| !resource.is_group()).map(|resource| resource.id().clone()).collect()
}
