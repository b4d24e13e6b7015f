//! What a text says about other texts.

use insta::assert_snapshot;
use libmachine::config::Layer;

use crate::support::project::Project;

fn two(lower: &str, upper: &str) -> Project {
    Project::empty().file("a.yaml", lower).file("b.yaml", upper).layer("a.yaml").layer("b.yaml")
}

#[test]
fn toml_says_it_too() {
    let lower = "defaults: { image: a, resources: { ram: 1, cpus: 2 } }\n";
    let toml = "exclude = ['defaults.image']\noverride = ['defaults.resources']\n[defaults.resources]\nram = 2\n";
    let project = Project::empty().file("a.yaml", lower).file("b.toml", toml).layer("a.yaml").layer("b.toml");
    assert_eq!(project.config().file, Project::new("defaults: { resources: { ram: 2 } }\n").config().file);
}

#[test]
fn a_machine_that_is_only_a_name_can_be_excluded() {
    let config = two("machines:\n  web:\n  db:\n", "exclude: [machines.web]\n").config();
    assert_eq!(config.file, Project::new("machines:\n  db:\n").config().file);
}

#[test]
fn whole_layers_can_be_excluded() {
    let project = Project::new("exclude-layers: [user]\n").user("config.yaml", "defaults: { image: a }\n");
    let project = project.global("config.yaml", "defaults: { count: 2 }\n");
    assert_eq!(project.config().file, Project::new("defaults: { count: 2 }\n").config().file);
}

#[test]
fn an_exclusion_in_vain_suggests_what_was_meant() {
    let lower = "defaults: { ports: ['1:1'] }\nmachines: { web: { image: a } }\n";
    let upper = "exclude:\n  - machines.wbe.image\n  - machines.web.ports\n  - nothing.like.it\n  - defaults.image\ndefaults: { image: b }\n";
    assert_snapshot!(two(lower, upper).findings(), @r"
     ⚠ no earlier layer says anything at `machines.wbe.image`
      ╭─[b.yaml:2:5]
    1 │ exclude:
    2 │   - machines.wbe.image
      ·     ─────────┬────────
      ·              ╰── here
    3 │   - machines.web.ports
      ╰────
     help: did you mean `machines.web.image`?

     ⚠ no earlier layer says anything at `machines.web.ports`
      ╭─[b.yaml:3:5]
    2 │   - machines.wbe.image
    3 │   - machines.web.ports
      ·     ─────────┬────────
      ·              ╰── here
    4 │   - nothing.like.it
      ╰────
     help: the machine inherits it from `defaults.ports`, which can be excluded for all

     ⚠ no earlier layer says anything at `nothing.like.it`
      ╭─[b.yaml:4:5]
    3 │   - machines.web.ports
    4 │   - nothing.like.it
      ·     ───────┬───────
      ·            ╰── here
    5 │   - defaults.image
      ╰────
     help: take it out, or look at `machine audit --dump-config --origins`

     ⚠ no earlier layer says anything at `defaults.image`
      ╭─[b.yaml:5:5]
    4 │   - nothing.like.it
    5 │   - defaults.image
      ·     ───────┬──────
      ·            ╰── here
    6 │ defaults: { image: b }
      ╰────
     help: it is said in this text itself: take it out there
    ");
}

#[test]
fn an_override_of_nothing_and_a_layer_that_comes_later() {
    let upper = "override: [defaults.image]\nexclude-layers: [command-line]\n";
    assert_snapshot!(two("defaults: { image: a }\n", upper).findings(), @r"
     ⚠ nothing is said here at `defaults.image`, so nothing is overridden
      ╭─[b.yaml:1:12]
    1 │ override: [defaults.image]
      ·            ───────┬──────
      ·                   ╰── here
    2 │ exclude-layers: [command-line]
      ╰────
     help: `exclude` drops without a replacement

     ⚠ layer `command-line` is loaded after this one and cannot be excluded here
      ╭─[b.yaml:2:18]
    1 │ override: [defaults.image]
    2 │ exclude-layers: [command-line]
      ·                  ──────┬─────
      ·                        ╰── here
      ╰────
     help: run with `--exclude-layer command-line`
    ");
}

#[test]
fn paths_that_are_none() {
    let upper = "exclude: ['a..b', 'a.\"b', 3]\nexclude-layers: [usr]\nmachines: { web: { ports: [!reset '1:1'] } }\n";
    assert_snapshot!(two("", upper).findings(), @r#"
     × `exclude` takes a list of texts
      ╭─[b.yaml:1:27]
    1 │ exclude: ['a..b', 'a."b', 3]
      ·                           ┬
      ·                           ╰── here
    2 │ exclude-layers: [usr]
      ╰────

     × `a..b` is no path of a setting: a key between its dots is empty
      ╭─[b.yaml:1:11]
    1 │ exclude: ['a..b', 'a."b', 3]
      ·           ───┬──
      ·              ╰── here
    2 │ exclude-layers: [usr]
      ╰────
     help: write keys with dots between them: `machines.web.ports`, `machines.*.ports`

     × `a."b` is no path of a setting: a quote is not closed
      ╭─[b.yaml:1:19]
    1 │ exclude: ['a..b', 'a."b', 3]
      ·                   ───┬──
      ·                      ╰── here
    2 │ exclude-layers: [usr]
      ╰────
     help: write keys with dots between them: `machines.web.ports`, `machines.*.ports`

     × there is no layer `usr`
      ╭─[b.yaml:2:18]
    1 │ exclude: ['a..b', 'a."b', 3]
    2 │ exclude-layers: [usr]
      ·                  ─┬─
      ·                   ╰── here
    3 │ machines: { web: { ports: [!reset '1:1'] } }
      ╰────
     help: did you mean `user`?

     × a list is replaced as a whole, so its items take no tag
      ╭─[b.yaml:3:35]
    2 │ exclude-layers: [usr]
    3 │ machines: { web: { ports: [!reset '1:1'] } }
      ·                                   ──┬──
      ·                                     ╰── here
      ╰────
     help: put the tag before the list, or leave it out
    "#);
}

#[test]
fn what_is_missing_because_it_was_excluded_says_so() {
    let lower = "machines: { web: }\ncompose: { site: { on: web, files: [c.yaml] } }\n";
    let project = two(lower, "exclude: [compose.site.on]\n").file("c.yaml", "");
    assert_snapshot!(project.findings(), @r"
      × `site` lacks `on`
       ╭─[a.yaml:2:12]
     1 │ machines: { web: }
     2 │ compose: { site: { on: web, files: [c.yaml] } }
       ·            ──┬─
       ·              ╰── here
       ╰────

    Advice:
      ☞ dropped here
       ╭─[b.yaml:1:11]
     1 │ exclude: [compose.site.on]
       ·           ───────┬───────
       ·                  ╰── here
       ╰────
    ");
}

#[test]
fn an_exclusion_reaches_only_what_was_loaded_before_it() {
    let project = Project::empty()
        .file("a.yaml", "defaults: { count: 1, image: a }\n")
        .file("b.yaml", "exclude: [defaults.image]\n")
        .file("c.yaml", "defaults: { image: c }\n")
        .layer("a.yaml")
        .layer("b.yaml")
        .layer("c.yaml");
    assert_eq!(project.config().file, Project::new("defaults: { count: 1, image: c }\n").config().file);
}

#[test]
fn a_text_from_elsewhere_cannot_take_the_projects_identity_away() {
    for said in [
        "exclude: [name, id]",
        "exclude: ['*']",
        "override: [id]",
        "name: !reset x",
        "exclude-layers: [project]",
        "exclude-layers: [command-line]",
    ] {
        for layer in [Layer::CloudInitUrl, Layer::CloudInitDrive] {
            let text = format!("#cloud-config\ncloud-machine: {{ {said} }}\n");
            let project = Project::new("name: shop\nid: 1\n").text(layer, "http://x/seed", &text, None);
            let findings = project.findings();
            assert!(project.load().is_err(), "{said}: {findings}");
            assert!(findings.contains("whose everything is"), "{said}: {findings}");
        }
    }
}

#[test]
fn nothing_excludes_whose_the_project_is() {
    let named = Project::new("include: [base.yaml]\nexclude: ['*']\n").file("base.yaml", "name: shop\nx-a: 1\n");
    assert_eq!(named.config().file.name.as_deref(), Some("shop"));
    let named = Project::new("name: shop\n").exclude("*");
    assert_eq!(named.config().file.name.as_deref(), Some("shop"));
    for project in [
        Project::new("name: shop\n").exclude("name"),
        Project::new("include: [base.yaml]\nexclude: [name]\n").file("base.yaml", "name: shop\n"),
        Project::new("include: [base.yaml]\nname: !reset x\n").file("base.yaml", "name: shop\n"),
    ] {
        assert!(project.findings().contains("`name` cannot be excluded"), "{}", project.findings());
    }
}
