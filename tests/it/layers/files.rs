//! Files: those of a computer and a user, includes, profiles.

use insta::assert_snapshot;
use libmachine::config::Layer;
use libmachine::value::Path;

use crate::support::project::Project;

fn image(project: &Project) -> Option<String> {
    match project.config().file.defaults?.image? {
        libmachine::config::file::Image::Name(name) => Some(name),
        libmachine::config::file::Image::Source(_) => None,
    }
}

fn image_is(name: &str) -> String {
    format!("defaults: {{ image: {name} }}\n")
}

#[test]
fn a_computers_and_a_users_files_come_by_name_before_the_projects() {
    let project = Project::new("").global("config.toml", "defaults.image = 'a'\n");
    assert_eq!(image(&project).as_deref(), Some("a"));
    let project = project.global("config.d/10.yaml", &image_is("b")).global("config.d/9.yaml", &image_is("c"));
    assert_eq!(image(&project).as_deref(), Some("c"), "by the bytes of their names");
    let project = project.user("config.yaml", &image_is("d"));
    assert_eq!(image(&project).as_deref(), Some("d"));
    let project =
        project.user("config.d/.hidden.yaml", "{").user("config.d/readme.md", "{").user("config.d/x.json", "{}");
    assert_eq!(image(&project).as_deref(), Some("d"));
    let project = project.file("Machinefile", image_is("e"));
    assert_eq!(image(&project).as_deref(), Some("e"));
    assert_eq!(image(&project.without(Layer::Project)).as_deref(), Some("d"));
}

#[test]
fn a_broken_file_of_a_layer_that_is_left_out_is_not_read() {
    let project = Project::new("").user("config.yaml", "a: [");
    assert!(project.load().is_err());
    assert!(project.without(Layer::User).load().is_ok());
}

#[test]
fn a_computer_has_one_file_of_settings() {
    let project = Project::new("").global("config.yaml", "").global("config.toml", "");
    assert!(project.findings().contains("etc/config.yaml` and"), "{}", project.findings());
}

#[test]
fn no_name_or_id_is_for_all_projects() {
    let project = Project::new("").user("config.yaml", "name: shop\n");
    assert_snapshot!(project.findings(), @r"
     × `name` cannot be set for all projects of a user
      ╭─[[DIR]/config/config.yaml:1:1]
    1 │ name: shop
      · ──┬─
      ·   ╰── here
      ╰────
     help: write it in the project's Machinefile: projects of one name and id delete each other's machines
    ");
}

#[test]
fn included_files_lie_under_the_one_that_includes_them() {
    let project = Project::new("include: [parts/a.yaml, parts/b.toml]\ndefaults: { image: own }\n")
        .file("parts/a.yaml", "defaults: { image: a, count: 1 }\nmachines: { web: { ssh: { identity: key } } }\n")
        .file("parts/b.toml", "include = ['c.yaml']\n[defaults]\ncount = 2\n")
        .file("parts/c.yaml", "defaults: { count: 3, provider: qemu }\n");
    let config = project.config();
    let defaults = config.file.defaults.clone().expect("defaults");
    assert_eq!(image(&project).as_deref(), Some("own"));
    assert_eq!((defaults.count, defaults.provider.as_deref()), (Some(2), Some("qemu")));
    assert_eq!(config.base(&Path::parse("machines.web.ssh.identity")), project.path().join("parts"));
    assert_eq!(config.folder, project.path());
}

#[test]
fn a_file_that_includes_itself() {
    let project = Project::new("include: [a.yaml]\n")
        .file("a.yaml", "include: [b.yaml]\n")
        .file("b.yaml", "include: [./Machinefile]\n");
    assert_snapshot!(project.findings(), @r"
     × this file includes itself
      ╭─[b.yaml:1:11]
    1 │ include: [./Machinefile]
      ·           ──────┬──────
      ·                 ╰── here
      ╰────
     help: take one of these out: Machinefile → a.yaml → b.yaml → Machinefile
    ");
}

#[test]
fn an_included_file_that_is_not_there() {
    assert_snapshot!(Project::new("include: [a.yaml]\n").findings(), @r"
     × cannot read `a.yaml`: No such file or directory (os error 2)
      ╭─[Machinefile:1:11]
    1 │ include: [a.yaml]
      ·           ───┬──
      ·              ╰── here
      ╰────
    ");
}

#[test]
fn files_that_include_each_other_many_times_over_are_stopped() {
    let mut project = Project::new("include: [n1.yaml, n1.yaml]\n");
    for n in 1..40 {
        let next = n + 1;
        project = project.file(&format!("n{n}.yaml"), format!("include: [n{next}.yaml, n{next}.yaml]\n"));
    }
    let findings = project.file("n40.yaml", "").findings();
    assert!(findings.contains("one file too many"), "{findings}");
}

const PROFILES: &str = "
defaults: { image: own, count: 1 }
profiles:
  small: { defaults: { image: small } }
  two: { defaults: { image: '${NEVER_SET:?only with two}', count: 2 } }
  bare:
";

#[test]
fn a_profile_counts_when_it_is_switched_on() {
    assert_eq!(image(&Project::new(PROFILES)).as_deref(), Some("own"));
    assert_eq!(image(&Project::new(PROFILES).profile("small")).as_deref(), Some("small"));
    let both = Project::new(PROFILES).variable("NEVER_SET", "set").profile("two").profile("small").profile("bare");
    assert_eq!(image(&both).as_deref(), Some("small"), "the later one wins");
    assert_eq!(both.config().file.defaults.and_then(|d| d.count), Some(2));
    assert!(Project::new(PROFILES).profile("two").findings().contains("only with two"));
}

#[test]
fn a_profile_lies_over_its_own_file_only() {
    let project = Project::empty().file("a.yaml", PROFILES).file("b.yaml", "defaults: { image: b }\n");
    let project = project.layer("a.yaml").layer("b.yaml").profile("small");
    assert_eq!(image(&project).as_deref(), Some("b"));
}

#[test]
fn a_profile_may_exclude_and_override() {
    let text = "defaults: { image: a, resources: { ram: 1, cpus: 1 } }\n\
        profiles: { p: { exclude: [defaults.image], defaults: { resources: !override { ram: 2 } } } }\n";
    let config = Project::new(text).profile("p").config();
    assert_eq!(config.file, Project::new("defaults: { resources: { ram: 2 } }\n").config().file);
    assert!(Project::new(text).config().file.defaults.and_then(|d| d.image).is_some());
}

#[test]
fn a_profile_that_is_nowhere() {
    assert_snapshot!(Project::new(PROFILES).profile("smal").findings(), @r"
     × no file has a profile `smal`
      ╭─[--profile:1:1]
    1 │ smal
      · ──┬─
      ·   ╰── here
      ╰────
     help: did you mean `small`?
    ");
}

#[test]
fn a_profile_that_is_not_switched_on_is_checked_too() {
    let text = "profiles:\n  p:\n    machines: { web: { cuont: 2 } }\n    compose: { site: { profiles: [x] } }\n";
    assert_snapshot!(Project::new(text).findings(), @r"
     × unknown key `cuont`
      ╭─[Machinefile:3:24]
    2 │   p:
    3 │     machines: { web: { cuont: 2 } }
      ·                        ──┬──
      ·                          ╰── here
    4 │     compose: { site: { profiles: [x] } }
      ╰────
     help: did you mean `count`?
    ");
}

#[test]
fn no_name_or_id_is_for_all_projects_by_way_of_a_profile() {
    let project = Project::new("").user("config.yaml", "profiles: { p: { id: 7 } }\n").profile("p");
    assert!(project.findings().contains("`id` cannot be set for all projects of a user"), "{}", project.findings());
}

#[test]
fn a_profile_changes_a_setting_of_a_provider_that_the_file_declares() {
    let text = "providers: { world: { driver: simulated, world: w } }\n\
                profiles: { p: { providers: { world: { latency: 10ms } } } }\n";
    let project = || Project::new(text).schema(libmachine::schema::machinefile(libmachine::provider::DRIVERS));
    assert!(project().config().problems.is_empty(), "{:?}", project().config().problems);
    let chosen = project().profile("p").config();
    assert!(chosen.problems.is_empty(), "{:?}", chosen.problems);
}
