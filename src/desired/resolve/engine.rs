//! A machine's engine as written, made definite.

use std::collections::{BTreeMap, BTreeSet};

use super::Scope;
use crate::config::file;
use crate::desired::{Engine, Proxy};
use crate::note::Note;
use crate::value::{Path, Value};

const LABELS: &str = "labels";
const REGISTRY_MIRRORS: &str = "registry-mirrors";
const INSECURE_REGISTRIES: &str = "insecure-registries";
const STORAGE_DRIVER: &str = "storage-driver";

/// `None` when there is to be no engine.
pub(super) fn engine(scope: &mut Scope<'_>, written: Option<file::Engine>, at: &Path) -> Option<Engine> {
    let settings = match written {
        Some(file::Engine::Flag(false)) => return None,
        Some(file::Engine::Settings(settings)) => *settings,
        Some(file::Engine::Flag(true)) | None => file::EngineSettings::default(),
    };
    let own = named(&settings);
    let mut options = settings.options.unwrap_or_default();
    for name in own.keys().filter(|name| options.contains_key(**name)) {
        scope.note(twice(at, &at.join(name), &at.join("options").join(name)));
    }
    let proxy = proxy(settings.proxy.unwrap_or_default());
    let env = settings.env.unwrap_or_default();
    for (name, _) in proxy.variables() {
        for variable in env.keys().filter(|variable| variable.eq_ignore_ascii_case(name)) {
            scope.note(twice(at, &at.join("proxy"), &at.join("env").join(variable)));
        }
    }
    if proxy != Proxy::default() && options.contains_key("proxies") {
        scope.note(twice(at, &at.join("proxy"), &at.join("options").join("proxies")));
    }
    let named: BTreeSet<_> = own.keys().copied().collect();
    options.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Some(Engine { version: settings.version, options, named, env, proxy, at: at.clone() })
}

/// What settings of their own say, under the names that `daemon.json` has for it. What is empty says nothing.
fn named(settings: &file::EngineSettings) -> BTreeMap<&'static str, Value> {
    let labels = settings.labels.iter().flatten().map(|(name, value)| format!("{name}={value}")).collect();
    let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let lists = [
        (LABELS, labels),
        (REGISTRY_MIRRORS, list(&settings.registry_mirrors)),
        (INSECURE_REGISTRIES, list(&settings.insecure_registries)),
    ];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name, Value::from(list)));
    let driver = settings.storage_driver.as_deref().map(|driver| (STORAGE_DRIVER, Value::from(driver)));
    lists.chain(driver).collect()
}

fn proxy(written: file::Proxy) -> Proxy {
    Proxy { http: written.http, https: written.https, no_proxy: written.no_proxy.unwrap_or_default() }
}

/// The finding that two settings say the same thing.
fn twice(engine: &Path, one: &Path, other: &Path) -> Note {
    let below = |path: &Path| path.keys()[engine.keys().len() - 1..].join(".");
    let (one_name, other_name) = (below(one), below(other));
    Note::error(other.clone(), format!("`{one_name}` and `{other_name}` say the same thing twice"))
        .at_key()
        .also(one.clone(), "and here")
        .hint(format!("keep one of them: `{one_name}` merges over the layers"))
}
