//! The labels by which what we made is found again, and what things are called at the engine.

use std::collections::HashMap;

use crate::id::ResourceId;
use crate::provider::docker::Setup;

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

pub(super) fn of(setup: &Setup, id: &ResourceId) -> Labels {
    [(OWNER, setup.owner.slug()), (PROVIDER, setup.provider.to_string()), (RESOURCE, id.to_string())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// Selects what this project has at this provider.
pub(super) fn filter(setup: &Setup) -> HashMap<String, Vec<String>> {
    let labels = vec![format!("{OWNER}={}", setup.owner.slug()), format!("{PROVIDER}={}", setup.provider)];
    HashMap::from([("label".to_owned(), labels)])
}

/// Whether labels say that something is this resource of this project.
pub(super) fn is(setup: &Setup, id: &ResourceId, labels: Option<&Labels>) -> bool {
    labels.is_some_and(|labels| of(setup, id).iter().all(|(name, value)| labels.get(name) == Some(value)))
}

pub(super) fn resource(labels: Option<&Labels>) -> Option<ResourceId> {
    ResourceId::parse(labels?.get(RESOURCE)?)
}

/// `shop-k3v9qx.web`: unique at an engine, and what people see in its listings.
pub(super) fn name(setup: &Setup, part: &str) -> String {
    format!("{}.{part}", setup.owner.slug())
}
