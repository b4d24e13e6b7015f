//! The labels by which what we made is found again, and what things are called at the engine.

use std::collections::HashMap;

use crate::id::ResourceId;
use crate::provider::docker::Setup;
use crate::provider::docker::deed::Base;

const OWNER: &str = "machine.owner";
const PROVIDER: &str = "machine.provider";
pub(super) const RESOURCE: &str = "machine.resource";
/// What a container was made as; see [`crate::provider::docker::plan`].
pub(super) const PLAN: &str = "machine.plan";
/// The machine's public host key.
pub(super) const HOST_KEY: &str = "machine.host-key";
pub(super) const ISOLATION: &str = "machine.isolation";
/// Of an image that we built: the name that stands for how it was declared.
pub(super) const IMAGE: &str = "machine.image";

pub(super) type Labels = HashMap<String, String>;

fn of(owner: &str, provider: &str, id: &ResourceId) -> Labels {
    [(OWNER, owner.to_owned()), (PROVIDER, provider.to_owned()), (RESOURCE, id.to_string())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// Of what is no machine's own.
pub(super) fn of_provider(setup: &Setup, id: &ResourceId) -> Labels {
    of(&setup.owner.slug(), setup.provider.as_str(), id)
}

/// Of a machine's thing that has this id now.
pub(super) fn of_machine(base: &Base, id: &ResourceId) -> Labels {
    of(&base.owner, &base.provider, &base.labelled(id))
}

/// Selects what a project has at a provider.
pub(super) fn filter(owner: &str, provider: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{OWNER}={owner}"), format!("{PROVIDER}={provider}")])])
}

/// Whether all of these are among the labels of something.
pub(super) fn are_on(ours: &Labels, labels: Option<&Labels>) -> bool {
    labels.is_some_and(|labels| ours.iter().all(|(name, value)| labels.get(name) == Some(value)))
}

pub(super) fn resource(labels: Option<&Labels>) -> Option<ResourceId> {
    ResourceId::parse(labels?.get(RESOURCE)?)
}

/// The machine whose thing it is, as it was made.
pub(super) fn base(labels: Option<&Labels>) -> Option<Base> {
    let said = |name: &str| labels?.get(name).cloned();
    let machine = resource(labels)?.name().split('.').next()?.to_owned();
    Some(Base { owner: said(OWNER)?, provider: said(PROVIDER)?, machine })
}

/// `shop-k3v9qx.web`: unique at an engine, and what people see in its listings.
pub(super) fn name(setup: &Setup, part: &str) -> String {
    format!("{}.{part}", setup.owner.slug())
}
