//! Things that are there under a name that their machine had before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Question;
use super::survey::Survey;
use crate::id::ResourceId;
use crate::resource::{Context, Found, Observation, Resource};

/// By the id that they are to have: handles to what is there under another.
pub(super) type Former = HashMap<ResourceId, Arc<dyn Resource>>;

/// What is listed, or remembered and there, under an earlier name of a machine, and not under its name now. From here on it is
/// found under the id that it is to have.
pub(super) async fn find(question: &Question<'_>, survey: &mut Survey, cx: &Context) -> Former {
    let mut former = Former::new();
    if question.moved.is_empty() {
        return former;
    }
    for resource in question.desired {
        let Some(machine) = resource.machine() else { continue };
        let (Some(names), Some(realm)) = (question.moved.get(machine), resource.realm()) else { continue };
        if survey.lists(resource.id(), realm) {
            continue;
        }
        for name in names {
            let Some(id) = resource.id().of_machine(machine, name) else { continue };
            if let Some(handle) = there(question, survey, &id, resource.as_ref(), cx).await {
                former.insert(resource.id().clone(), handle);
                break;
            }
        }
    }
    for (now, olds) in question.moved {
        for old in olds {
            take_along(question, survey, &mut former, now, old);
        }
    }
    former
}

/// What is wanted no more goes by the new name as well where its provider moves all of a machine together.
fn take_along(question: &Question<'_>, survey: &mut Survey, former: &mut Former, now: &str, old: &str) {
    let of_old = |handle: &&Arc<dyn Resource>| handle.moves_together() && handle.machine() == Some(old);
    let Some(realm) = former.values().find(of_old).and_then(|handle| handle.realm()).map(str::to_owned) else { return };
    let Some(source) = question.sources.iter().find(|source| source.name() == realm) else { return };
    for found in survey.all_of(&realm) {
        let Some(id) = found.id.of_machine(old, now).filter(|id| !former.contains_key(id)) else { continue };
        let Some(handle) = source.revive(&found).filter(|handle| of_old(&handle)) else { continue };
        survey.take(&found.id, &realm);
        survey.add(Found { id: id.clone(), attributes: found.attributes }, &realm);
        former.insert(id, handle);
    }
}

async fn there(
    question: &Question<'_>,
    survey: &mut Survey,
    id: &ResourceId,
    now: &dyn Resource,
    cx: &Context,
) -> Option<Arc<dyn Resource>> {
    let realm = now.realm()?;
    if let Some(attributes) = survey.take(id, realm) {
        let source = question.sources.iter().find(|source| source.name() == realm)?;
        let handle = source.revive(&Found { id: id.clone(), attributes: attributes.clone() });
        survey.add(Found { id: now.id().clone(), attributes }, realm);
        return handle;
    }
    // A listing may lag behind what we remember making.
    let remembered = question.orphans.iter().find(|orphan| orphan.id() == id && orphan.realm() == Some(realm))?;
    match remembered.read(cx).await {
        Observation::Absent => return None,
        Observation::Present(attributes) => survey.add(Found { id: now.id().clone(), attributes }, realm),
        Observation::Unreadable(_) => {}
    }
    Some(Arc::clone(remembered))
}

/// The ids that things are to have, each with the one that they have.
pub(super) fn ids(former: &Former) -> BTreeMap<ResourceId, ResourceId> {
    former.iter().map(|(id, handle)| (id.clone(), handle.id().clone())).collect()
}
