//! Taking over the folder of a machine that is there: one that was let go, or another project's.

use crate::provider::Stray;
use crate::provider::qemu::disk::{self, ROOT};
use crate::provider::qemu::folder::Folder;
use crate::provider::qemu::power::{self, Applied};
use crate::provider::qemu::{Setup, access, card, seed, vm};
use crate::resource::{Context, Failure};
use crate::value::json;

fn find(setup: &Setup, object: &str) -> Option<Folder> {
    setup.folder("").called(object)
}

pub(super) async fn examine(
    setup: &Setup,
    object: &str,
    machine: &str,
    cx: &Context,
) -> Result<Option<Stray>, Failure> {
    let Some(folder) = find(setup, object) else { return Ok(None) };
    let path = folder.path();
    let root = disk::file(ROOT);
    let lacks: Vec<_> = [root.as_str(), seed::IMAGE].into_iter().filter(|file| !path.join(file).exists()).collect();
    let (true, Some(mut applied)) = (lacks.is_empty(), Applied::read(&folder)?) else {
        let lacks = if lacks.is_empty() { power::RECORD.to_owned() } else { lacks.join(", ") };
        return Err(Failure::new(format!("{} is no machine: it lacks {lacks}", path.display())));
    };
    let power = power::state(&folder).await;
    if power != power::State::Stopped && folder.is_apart_from(&setup.folder("")) {
        let failure = Failure::new(format!("`{object}` runs, and its folder has to be moved to become this project's"));
        return Err(failure.hint("`machine stop` it in its project, or shut it down in itself, and try again"));
    }
    // Those that nobody chose stay what they are, and are what is wanted.
    if applied.cards == card::usual(&folder.origin()) {
        applied.cards = card::usual(&setup.folder(machine).origin());
    }
    let mut attributes = vm::observed(&folder, &applied, power.as_str());
    let held = access::observed(setup, applied.project_key.as_deref(), cx);
    attributes.insert(access::ATTRIBUTE.into(), json!(held));
    Ok(Some(Stray { owner: folder.holder(), attributes }))
}

pub(super) async fn adopt(setup: &Setup, object: &str, machine: &str, cx: &Context) -> Result<(), Failure> {
    if examine(setup, object, machine, cx).await?.is_none() {
        return Ok(());
    }
    let (ours, other) = (setup.folder(machine), find(setup, object).expect("it was examined"));
    if ours.is_ours()? {
        return Err(Failure::new(format!("{} is a machine `{machine}` already", ours.path().display())));
    }
    ours.take_over(&other)
}
