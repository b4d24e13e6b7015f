//! A resource made of what a test says about it, for tests of graphs and plans.

use std::sync::Arc;

use async_trait::async_trait;
use libmachine::graph::{self, Graph};
use libmachine::id::ResourceId;
use libmachine::observe::Observed;
use libmachine::plan::{Drift, Fleet, Limit, Options, Plan, drift, plan};
use libmachine::report::{Detail, Style, plan as print};
use libmachine::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use libmachine::selection::{Pattern, Selection, Tags};
use libmachine::store::{self, Intent, Record, Recorded, Store, Transition};
use libmachine::value::{Attributes, Path};

/// Of kind `filesystem` it stands on its `device-size`. Of kind `box` it is a machine: it has an address and a host key that only the world decides. Changes to `image` replace and lose data, to `size` downwards are refused, to `cpus` reboot, to others do nothing.
#[derive(Clone, Debug)]
pub struct Thing {
    id: ResourceId,
    parents: Vec<Parent>,
    desired: Attributes,
}

pub fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).expect("kind/name")
}

pub fn thing(name: &str, desired: Attributes) -> Thing {
    Thing { id: id(name), parents: Vec::new(), desired }
}

impl Thing {
    pub fn within(mut self, parent: &str) -> Self {
        self.parents.push(Parent::within(id(parent)));
        self
    }

    pub fn uses(mut self, parent: &str) -> Self {
        self.parents.push(Parent::uses(id(parent)));
        self
    }

    pub fn after(mut self, parent: &str) -> Self {
        self.parents.push(Parent::after(id(parent)));
        self
    }

    pub fn handle(&self) -> Arc<dyn Resource> {
        Arc::new(self.clone())
    }
}

#[async_trait]
impl Resource for Thing {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn machine(&self) -> Option<&str> {
        self.id.name().split('.').next()
    }

    fn claims(&self, attributes: &Attributes) -> Vec<String> {
        let claim =
            |what: &str| attributes.get(what).map(|which| format!("{what} {}", which.to_string().trim_matches('"')));
        ["port", "disk"].into_iter().filter_map(claim).collect()
    }

    fn awaits(&self) -> Vec<String> {
        if self.id.kind() == "disk" { vec![format!("disk {}", self.id.name())] } else { Vec::new() }
    }

    fn impact(&self, change: &Change, _observed: &Attributes) -> Impact {
        match change.path.to_string().as_str() {
            "image" => Impact::Replace(Disruption::DataLoss),
            "cpus" => Impact::InPlace(Disruption::Reboot, Some("restarts the machine".to_owned())),
            "size" if number(change.after.as_ref()) < number(change.before.as_ref()) => {
                Impact::Refused("it cannot shrink".to_owned())
            }
            _ => Impact::InPlace(Disruption::None, None),
        }
    }

    fn is_machine(&self) -> bool {
        self.id.kind() == "box"
    }

    fn grounds(&self) -> &'static [&'static str] {
        if self.id.kind() == "filesystem" { &["device-size"] } else { &[] }
    }

    fn outputs(&self) -> &'static [&'static str] {
        if self.id.kind() == "box" { &["address", "host-key"] } else { &[] }
    }

    async fn read(&self, _cx: &Context) -> Observation {
        Observation::Absent
    }

    async fn create(&self, _cx: &Context) -> Result<Attributes, Failure> {
        Ok(self.desired.clone())
    }

    async fn update(&self, _cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        Ok(self.desired.clone())
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        Ok(())
    }
}

fn number(value: Option<&libmachine::value::Value>) -> Option<u64> {
    value?.as_u64()
}

/// What a plan is made from, as a test says it.
#[derive(Default)]
pub struct Scene {
    desired: Vec<Arc<dyn Resource>>,
    orphans: Vec<Arc<dyn Resource>>,
    observed: Observed,
    recorded: Recorded,
    options: Options,
}

impl Scene {
    /// As after `--allow-destroy`.
    pub fn allowing(mut self, name: &str) -> Self {
        self.options.unprotected.push(Pattern::parse(name).expect("a pattern"));
        self
    }

    /// As with `--target` and `--exclude`.
    pub fn selecting(mut self, targets: &[&str], excludes: &[&str]) -> Self {
        let parse = |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).expect("a pattern")).collect();
        let selection = Selection { targets: parse(targets), excludes: parse(excludes) };
        let texts = |patterns: &[Pattern]| patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        let (targets, excludes) = (texts(&selection.targets), texts(&selection.excludes));
        let graph = self.graph();
        self.options.selected = Some(selection.of(&graph, &Tags::of(&graph, |_| None)).acted);
        self.options.limit = Some(Limit { targets, excludes, left_out: 0 });
        self
    }

    /// As with `rollout:`.
    pub fn rolling(mut self, name: &str, machines: &[&str], most: usize) -> Self {
        let machines = machines.iter().map(|&machine| machine.to_owned()).collect();
        self.options.fleets.push(Fleet { name: name.to_owned(), machines, most });
        self
    }

    /// As with `ignore:`.
    pub fn ignoring(mut self, name: &str, paths: &[&str]) -> Self {
        self.options.ignored.insert(id(name), paths.iter().map(|path| Path::parse(path)).collect());
        self
    }

    pub fn wanted(mut self, thing: Thing) -> Self {
        self.desired.push(Arc::new(thing));
        self
    }

    /// There, not asked for, with these attributes.
    pub fn orphan(mut self, mut thing: Thing) -> Self {
        self.observed.set(thing.id.clone(), Observation::Present(std::mem::take(&mut thing.desired)));
        self.orphans.push(Arc::new(thing));
        self
    }

    /// The thing is there, as described.
    pub fn seen(mut self, name: &str, attributes: Attributes) -> Self {
        self.observed.set(id(name), Observation::Present(attributes));
        self
    }

    pub fn unreadable(mut self, name: &str, why: &str) -> Self {
        self.observed.set(id(name), Observation::Unreadable(why.to_owned()));
        self
    }

    pub fn recorded(mut self, name: &str, attributes: Attributes) -> Self {
        let record = Record { attributes: attributes.into(), parents: Vec::new(), token: "t".to_owned(), realm: None };
        self.recorded.records.insert(id(name), record);
        self
    }

    pub fn cut_off_while_creating(mut self, name: &str) -> Self {
        let intent = Intent { operation: "create".to_owned(), token: "t".to_owned(), realm: None };
        self.recorded.intents.insert(id(name), intent);
        self
    }

    pub fn graph(&self) -> Graph {
        graph::build(self.desired.clone(), self.orphans.clone()).expect("a graph")
    }

    pub fn plan(&self) -> Plan {
        plan(&self.graph(), &self.observed, &self.recorded, &self.options)
    }

    /// What the world did without us.
    pub fn drift(&self) -> Vec<Drift> {
        drift(&self.graph(), &self.observed, &self.recorded)
    }

    /// The plan as users see it.
    pub fn printed(&self) -> String {
        print(&self.plan(), Detail::Changes, Style::PLAIN)
    }
}

/// Takes everything and keeps nothing.
pub struct Nowhere;

#[async_trait]
impl Store for Nowhere {
    async fn load(&self) -> Result<Recorded, store::Error> {
        Ok(Recorded::default())
    }

    async fn write(&self, _transition: Transition) -> Result<(), store::Error> {
        Ok(())
    }
}
