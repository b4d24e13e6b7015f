//! Whose a machine's things at the engine are, where that is no longer what their labels say: labels last as long as what
//! carries them.
//!
//! A deed is an empty volume that says so. It is made at once and counts for all of a machine together, so a machine that gets
//! another name, goes to another project or is let go runs on, and no cut leaves it half there. The newest one counts.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveVolumeOptions};

use crate::id::ResourceId;
use crate::provider::docker::engine::{Engine, failure, settled};
use crate::provider::docker::{Setup, label, rebuild};
use crate::resource::Failure;

/// What a deed is about, as [`Base`] is written.
const OF: &str = "machine.deed";
/// Who has it; empty where nobody does.
const TO: &str = "machine.deed.to";
/// Who let it go, where nobody has it.
const BY: &str = "machine.deed.by";
const NUMBER: &str = "machine.deed.number";

/// A machine by the labels of its things, or by whose it is and what it is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Base {
    /// As [`crate::id::Owner::slug`] gives it.
    pub(super) owner: String,
    pub(super) provider: String,
    pub(super) machine: String,
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.owner, self.provider, self.machine)
    }
}

impl Base {
    fn parse(text: &str) -> Option<Self> {
        let [owner, provider, machine] = text.split('/').collect::<Vec<_>>()[..] else { return None };
        Some(Self { owner: owner.to_owned(), provider: provider.to_owned(), machine: machine.to_owned() })
    }

    /// What its things are called at the engine: `shop-k3v9qx.web`.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.owner, self.machine)
    }

    /// The id of one of its things, which has the id `id` now, as labels have it.
    pub(super) fn labelled(&self, id: &ResourceId) -> ResourceId {
        let now = id.name().split('.').next().unwrap_or_default();
        id.of_machine(now, &self.machine).unwrap_or_else(|| id.clone())
    }

    /// A deed's name says nothing to us.
    fn deed(&self, number: u64) -> String {
        format!("{}.{}.{}._deed.{number}", self.owner, self.provider, self.machine)
    }
}

#[derive(Clone, Debug)]
struct Deed {
    number: u64,
    to: Option<Base>,
    by: Option<Base>,
}

/// All deeds at an engine, whoever wrote them.
#[derive(Debug, Default)]
pub(super) struct Deeds {
    newest: BTreeMap<Base, Deed>,
    /// Volumes, by what they are about.
    all: Vec<(Base, String)>,
}

impl Deeds {
    async fn load(engine: &Engine) -> Result<Self, Failure> {
        let filter = HashMap::from([("label".to_owned(), vec![OF.to_owned()])]);
        let options = ListVolumesOptionsBuilder::default().filters(&filter).build();
        let volumes = engine.list_volumes(Some(options)).await.map_err(failure)?.volumes.unwrap_or_default();
        let mut deeds = Self::default();
        for volume in volumes {
            let said = |label: &str| volume.labels.get(label).map_or("", String::as_str);
            let (Some(base), Ok(number)) = (Base::parse(said(OF)), said(NUMBER).parse()) else { continue };
            deeds.all.push((base.clone(), volume.name.clone()));
            if deeds.newest.get(&base).is_none_or(|other| other.number < number) {
                deeds.newest.insert(base, Deed { number, to: Base::parse(said(TO)), by: Base::parse(said(BY)) });
            }
        }
        Ok(deeds)
    }

    /// Who has what carries the labels of `base`; `None` where nobody does.
    pub(super) fn holder(&self, base: &Base) -> Option<Base> {
        self.newest.get(base).map_or_else(|| Some(base.clone()), |deed| deed.to.clone())
    }

    /// What the things of a machine carry as labels. Its own name, unless another machine was made under that.
    fn base(&self, holder: &Base) -> Base {
        if let Some((base, _)) = self.newest.iter().find(|(_, deed)| deed.to.as_ref() == Some(holder)) {
            return base.clone();
        }
        let numbered = |n: u32| Base { machine: format!("{}_{n}", holder.machine), ..holder.clone() };
        let mut names = std::iter::once(holder.clone()).chain((2..).map(numbered));
        names.find(|base| !self.newest.contains_key(base)).expect("numbers do not end")
    }

    /// What the last holder of this name let go.
    fn let_go(&self, holder: &Base) -> Option<&Base> {
        let by_it = |(_, deed): &(&Base, &Deed)| deed.to.is_none() && deed.by.as_ref() == Some(holder);
        self.newest.iter().filter(by_it).max_by_key(|(base, _)| *base).map(|(base, _)| base)
    }

    /// What this provider of ours has by deed.
    pub(super) fn held(&self, setup: &Setup) -> impl Iterator<Item = (&Base, &Base)> {
        let ours = setup.base_called("");
        let held = self.newest.iter().filter_map(|(base, deed)| Some((base, deed.to.as_ref()?)));
        held.filter(move |(_, to)| (&to.owner, &to.provider) == (&ours.owner, &ours.provider))
    }
}

impl Setup {
    /// A machine of this provider by its name now.
    pub(super) fn base_called(&self, machine: &str) -> Base {
        Base { owner: self.owner.slug(), provider: self.provider.to_string(), machine: machine.to_owned() }
    }

    /// As they are now; from here on they are taken to stay so but for what this process writes.
    pub(super) async fn read_deeds(&self, engine: &Engine) -> Result<Arc<Deeds>, Failure> {
        let deeds = Arc::new(Deeds::load(engine).await?);
        *self.deeds.write().expect("no holder panics") = Some(Arc::clone(&deeds));
        Ok(deeds)
    }

    /// What the things of a machine carry as labels.
    pub(super) async fn base(&self, engine: &Engine, machine: &str) -> Result<Base, Failure> {
        let known = self.deeds.read().expect("no holder panics").clone();
        let deeds = match known {
            Some(deeds) => deeds,
            None => Box::pin(self.read_deeds(engine)).await?,
        };
        Ok(deeds.base(&self.base_called(machine)))
    }

    /// Gives all of a machine to another name. Nothing, where nothing is.
    pub(super) async fn rename(&self, from: &ResourceId, to: &str) -> Result<(), Failure> {
        let engine = self.engine().await?;
        let _turn = self.turn.lock().await;
        let from = from.name().split('.').next().unwrap_or_default();
        let deeds = self.read_deeds(engine).await?;
        let base = deeds.base(&self.base_called(from));
        if things(engine, &base).await?.is_empty() {
            return Ok(());
        }
        let taken = things(engine, &deeds.base(&self.base_called(to))).await?;
        if let Some(thing) = taken.first() {
            let why = format!("the engine has {thing}, which is a machine `{to}` already");
            return Err(Failure::new(why).hint("remove it first"));
        }
        self.write(engine, &deeds, &base, Some(&self.base_called(to))).await
    }

    /// Lets a machine go with all that it has. How it is removed by hand.
    pub(super) async fn let_go(&self, machine: &str) -> Result<String, Failure> {
        let engine = self.engine().await?;
        let _turn = self.turn.lock().await;
        let (mut deeds, holder) = (self.read_deeds(engine).await?, self.base_called(machine));
        let base = deeds.base(&holder);
        if !things(engine, &base).await?.is_empty() {
            self.write(engine, &deeds, &base, None).await?;
            deeds = self.read_deeds(engine).await?;
        }
        let Some(base) = deeds.let_go(&holder) else {
            return Ok(format!("nothing of {machine} is left at the engine"));
        };
        let (things, notes) = (things(engine, base).await?, deeds.all.iter().filter(|(of, _)| of == base));
        let notes = notes.map(|(_, volume)| format!("volume {volume}"));
        let host = &self.settings.host;
        let lines = things.into_iter().chain(notes).map(|thing| match thing.split_once(' ') {
            Some(("container", name)) => format!("docker -H {host} rm -f {name}"),
            _ => format!("docker -H {host} {}", thing.replacen(' ', " rm ", 1)),
        });
        Ok(lines.collect::<Vec<_>>().join("\n  "))
    }

    /// Makes what is at the engine a machine of ours.
    pub(super) async fn take_over(&self, base: &Base, machine: &str) -> Result<(), Failure> {
        let engine = self.engine().await?;
        let _turn = self.turn.lock().await;
        let (deeds, holder) = (self.read_deeds(engine).await?, self.base_called(machine));
        if deeds.holder(base).as_ref() == Some(&holder) {
            return Ok(());
        }
        let taken = things(engine, &deeds.base(&holder)).await?;
        if let Some(thing) = taken.first() {
            let why = format!("the engine has {thing}, which is a machine `{machine}` already");
            return Err(Failure::new(why).hint("remove it first"));
        }
        self.write(engine, &deeds, base, Some(&holder)).await
    }

    /// Before a thing of a machine is made: where its labels will not say whose it is, a deed does.
    pub(super) async fn claim(&self, engine: &Engine, machine: &str) -> Result<Base, Failure> {
        let (deeds, holder) = (self.read_deeds(engine).await?, self.base_called(machine));
        let base = deeds.base(&holder);
        if deeds.holder(&base).as_ref() != Some(&holder) {
            self.write(engine, &deeds, &base, Some(&holder)).await?;
        }
        Ok(base)
    }

    /// Writes who has `base` from now on.
    pub(super) async fn write(
        &self,
        engine: &Engine,
        deeds: &Deeds,
        base: &Base,
        to: Option<&Base>,
    ) -> Result<(), Failure> {
        let number = deeds.newest.get(base).map_or(1, |deed| deed.number + 1);
        let text = |base: Option<&Base>| base.map(ToString::to_string).unwrap_or_default();
        let by = deeds.holder(base).filter(|_| to.is_none());
        let labels = [(OF, base.to_string()), (TO, text(to)), (BY, text(by.as_ref())), (NUMBER, number.to_string())];
        let request = VolumeCreateRequest {
            name: Some(base.deed(number)),
            labels: Some(labels.map(|(name, value)| (name.to_owned(), value)).into()),
            ..VolumeCreateRequest::default()
        };
        engine.create_volume(request).await.map_err(failure)?;
        remove(engine, deeds, base).await?;
        if to == Some(base) {
            // The labels themselves say so again.
            settled(engine.remove_volume(&base.deed(number), None::<RemoveVolumeOptions>).await)?;
        }
        self.read_deeds(engine).await.map(drop)
    }

    /// Deeds about a machine of which nothing is left go after it.
    pub(super) async fn sweep_deeds(&self, engine: &Engine, machine: &str) -> Result<(), Failure> {
        let _turn = self.turn.lock().await;
        let deeds = self.read_deeds(engine).await?;
        let base = deeds.base(&self.base_called(machine));
        if deeds.newest.contains_key(&base) && things(engine, &base).await?.is_empty() {
            remove(engine, &deeds, &base).await?;
            self.read_deeds(engine).await?;
        }
        Ok(())
    }
}

/// The oldest first: what is left of a cut still says the last word.
async fn remove(engine: &Engine, deeds: &Deeds, base: &Base) -> Result<(), Failure> {
    let mut old: Vec<_> = deeds.all.iter().filter(|(of, _)| of == base).map(|(_, volume)| volume).collect();
    let number = |volume: &&String| volume.rsplit('.').next().and_then(|number| number.parse::<u64>().ok());
    old.sort_by_key(number);
    for volume in old {
        settled(engine.remove_volume(volume, None::<RemoveVolumeOptions>).await)?;
    }
    Ok(())
}

/// What the engine has of a machine, in words: containers, volumes and images that were kept of it.
pub(super) async fn things(engine: &Engine, base: &Base) -> Result<Vec<String>, Failure> {
    let filter = label::filter(&base.owner, &base.provider);
    let containers = ListContainersOptionsBuilder::default().all(true).filters(&filter).build();
    let volumes = ListVolumesOptionsBuilder::default().filters(&filter).build();
    let (containers, volumes, images) = tokio::try_join!(
        async { engine.list_containers(Some(containers)).await.map_err(failure) },
        async { engine.list_volumes(Some(volumes)).await.map_err(failure) },
        rebuild::kept(engine, &base.owner, &base.provider),
    )?;
    let of_it = |labels: Option<&label::Labels>| label::base(labels).as_ref() == Some(base);
    let containers = containers.into_iter().filter(|container| of_it(container.labels.as_ref()));
    let volumes = volumes.volumes.unwrap_or_default().into_iter().filter(|volume| of_it(Some(&volume.labels)));
    let images = images.into_iter().filter(|image| of_it(Some(&image.labels)));
    let named = |names: Option<Vec<String>>| names.unwrap_or_default().join(" ").trim_start_matches('/').to_owned();
    let all = containers.map(|container| format!("container {}", named(container.names)));
    let all = all.chain(volumes.map(|volume| format!("volume {}", volume.name)));
    Ok(all.chain(images.map(|image| format!("image {}", image.id))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Base {
        Base::parse(text).expect("three parts")
    }

    fn deeds(written: &[(&str, u64, &str)]) -> Deeds {
        let deed =
            |(of, number, to): &(&str, u64, &str)| (base(of), Deed { number: *number, to: Base::parse(to), by: None });
        Deeds { newest: written.iter().map(deed).collect(), all: Vec::new() }
    }

    #[test]
    fn without_deeds_labels_say_whose_things_are() {
        let web = base("shop/here/web");
        assert_eq!((deeds(&[]).holder(&web), deeds(&[]).base(&web)), (Some(web.clone()), web));
    }

    #[test]
    fn a_name_that_was_another_machines_is_free_for_a_new_one() {
        let deeds = deeds(&[("shop/here/web", 1, "shop/here/www"), ("shop/here/db", 2, "")]);
        assert_eq!(deeds.holder(&base("shop/here/web")), Some(base("shop/here/www")));
        assert_eq!(deeds.base(&base("shop/here/www")), base("shop/here/web"));
        assert_eq!(deeds.base(&base("shop/here/web")), base("shop/here/web_2"));
        assert_eq!(
            (deeds.holder(&base("shop/here/db")), deeds.base(&base("shop/here/db")).machine.as_str()),
            (None, "db_2")
        );
    }

    #[test]
    fn labels_speak_of_the_name_that_a_machine_was_made_under() {
        let web = base("shop/here/web");
        let id = |text: &str| ResourceId::parse(text).expect("an id");
        assert_eq!(web.labelled(&id("docker.volume/www.data")), id("docker.volume/web.data"));
        assert_eq!(web.labelled(&id("docker.container/www")), id("docker.container/web"));
    }
}
