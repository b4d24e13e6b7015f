//! What is written of an engine's options, judged before anything is touched.

use crate::desired::Engine;
use crate::host::engine::key::{self, Change, NEWEST, Versions};
use crate::note::Note;
use crate::resource::Disruption;

/// What changing, adding or removing an option does to a running engine, and what is lost by it. A key that is not known
/// needs a restart and loses nothing.
pub(super) fn disruption(name: &str, removed: bool) -> (Disruption, Option<&'static str>) {
    match key::find(name).map_or(Change::Restart, |key| key.change) {
        Change::Loses(what) => (Disruption::DataLoss, Some(what)),
        Change::ReloadAndReset => (Disruption::Reload, None),
        Change::Reload if !removed => (Disruption::Reload, None),
        Change::Reload | Change::Restart => (Disruption::Restart, None),
    }
}

/// Why an engine of this version does not take an option. One that is newer than all we know is asked itself.
pub(super) fn refusal(name: &str, version: &str) -> Option<String> {
    let versions = Versions::parse(version)?;
    let unknown = key::known(name, Some(versions)).err()?;
    (key::find(name).is_some() || !versions.is_newer()).then(|| format!("{}; {}", unknown.why, unknown.hint))
}

/// Findings about options that cannot work on the engine that is asked for, or on none.
pub(crate) fn check(engine: &Engine) -> Vec<Note> {
    let mut notes = Vec::new();
    let versions = engine.version.as_deref().and_then(Versions::parse);
    for (name, value) in &engine.options {
        let place = engine.place(name);
        if name == "hosts" {
            let clash = Note::error(place, "`hosts` clashes with the socket that systemd gives the engine").at_key();
            notes.push(clash.hint("remove it: the engine is reached over SSH and needs no open port"));
            continue;
        }
        if let Some((inner, expected)) = key::misfit(name, value) {
            let at = inner.iter().fold(place, |at, key| at.join(key));
            let what = at.keys()[engine.at.keys().len()..].join(".");
            notes.push(Note::error(at, format!("`{what}` takes {expected}")));
        } else if let Err(unknown) = key::known(name, versions) {
            // Without a version, or with one that is newer than what is known here, the engine itself has to be asked.
            let is_certain = versions.is_some_and(|versions| key::find(name).is_some() || !versions.is_newer());
            let note = if is_certain {
                Note::error(place, unknown.why)
            } else {
                Note::warning(place, format!("no engine up to {NEWEST} has an option `{name}`"))
            };
            notes.push(note.at_key().hint(unknown.hint));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::{Disruption, disruption, refusal};

    #[test]
    fn a_reload_does_where_the_engine_takes_the_value_and_its_absence() {
        assert_eq!(disruption("labels", false).0, Disruption::Reload);
        assert_eq!(disruption("labels", true).0, Disruption::Restart, "a removed label would live on");
        assert_eq!(disruption("max-concurrent-downloads", true).0, Disruption::Reload);
        assert_eq!(disruption("dns", false).0, Disruption::Restart);
        assert_eq!(disruption("a-key-of-tomorrow", false).0, Disruption::Restart);
        assert_eq!(disruption("data-root", true).0, Disruption::DataLoss);
    }

    #[test]
    fn an_engine_newer_than_the_table_judges_by_itself() {
        assert_eq!(refusal("a-key-of-tomorrow", "30.1.0"), None);
        assert_eq!(refusal("dnss", "26.1.5").unwrap(), "no engine has an option `dnss`; did you mean `dns`?");
        assert!(refusal("oom-score-adjust", "30.1.0").unwrap().starts_with("engines from 26.0 on"));
        assert_eq!(refusal("dns", "20.10.24+dfsg1"), None);
    }
}
