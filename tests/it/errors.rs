//! One broken Machinefile per diagnostic, and all that its user reads.

use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::support::project::Project;

fn findings(machinefile: &str) -> String {
    Project::new(machinefile).findings()
}

#[test]
fn a_tab_in_yaml() {
    assert_snapshot!(findings("machines:\n\tweb: {}\n"), @"");
}

#[test]
fn a_key_written_twice() {
    assert_snapshot!(findings("machines:\n  web: {}\n  db: {}\n  web: {}\n"), @"");
}

#[test]
fn an_unknown_key() {
    assert_snapshot!(findings("machines:\n  web:\n    resurces: { ram: 2 }\n"), @"");
}

#[test]
fn an_unknown_key_that_resembles_none() {
    assert_snapshot!(findings("machines:\n  web:\n    ssh: { zzzzzzzzz: 1 }\n"), @"");
}

#[test]
fn a_value_of_the_wrong_type() {
    assert_snapshot!(findings("machines:\n  web:\n    ports: 8080:80\n    resources: [2]\n"), @"");
}

#[test]
fn a_version_that_is_a_number() {
    assert_snapshot!(findings("defaults:\n  engine: { version: 26.10 }\n"), @"");
}

#[test]
fn an_unknown_driver() {
    let text = "providers:\n  lab: { driver: qemuu }\nmachines:\n  web: { provider: lab }\n";
    assert_snapshot!(findings(text), @"");
}

#[test]
fn an_unknown_provider() {
    assert_snapshot!(findings("machines:\n  web: { provider: qem }\n"), @"");
}

#[test]
fn a_driver_that_needs_settings_used_bare() {
    assert_snapshot!(findings("machines:\n  web: { provider: cloud }\n"), @"");
}

#[test]
fn an_inherited_setting_is_shown_where_it_is_written() {
    assert_snapshot!(findings("defaults:\n  provider: clod\nmachines:\n  web:\n"), @"");
}

#[test]
fn a_compose_project_on_no_machine() {
    let text = "machines:\n  web:\ncompose:\n  site: { on: [web, wbe], files: [a.yaml] }\n";
    assert_snapshot!(Project::new(text).file("a.yaml", "").findings(), @"");
}

#[test]
fn a_compose_project_without_a_place() {
    assert_snapshot!(findings("machines:\n  web:\ncompose:\n  site:\n    files: [a.yaml]\n"), @"");
}

#[test]
fn a_compose_file_that_is_not_there() {
    let text = "machines:\n  web:\ncompose:\n  site:\n    on: web\n    files: [stack/compose.yaml]\n";
    assert_snapshot!(findings(text), @"");
}

#[test]
fn a_compose_project_where_there_is_no_engine() {
    let text = "machines:\n  web: { engine: false }\ncompose:\n  site: { on: web, files: [a.yaml] }\n";
    assert_snapshot!(Project::new(text).file("a.yaml", "").findings(), @"");
}

#[test]
fn a_bad_name() {
    assert_snapshot!(findings("name: Shop\nmachines:\n  Web_1: {}\n"), @"");
}

#[test]
fn a_port_taken_by_two_machines() {
    let text = "machines:\n  a: { ports: [\"8080:80\"] }\n  b: { ports: [\"0.0.0.0:8080:81\"] }\n";
    assert_snapshot!(findings(text), @"");
}

#[test]
fn a_port_of_a_counted_machine() {
    assert_snapshot!(findings("machines:\n  web:\n    count: 2\n    ports: [\"8080:80\"]\n"), @"");
}

#[test]
fn a_port_that_no_computer_has() {
    assert_snapshot!(findings("machines:\n  web: { ports: [\"70000:80\", \"eighty\"] }\n"), @"");
}

#[test]
fn two_machines_of_one_full_name() {
    assert_snapshot!(findings("machines:\n  worker: { count: 1 }\n  worker-1:\n"), @"");
}

#[test]
fn a_bad_size() {
    assert_snapshot!(findings("machines:\n  web:\n    resources: { ram: 2 potatoes, cpus: 0 }\n"), @"");
}

#[test]
fn memory_that_is_not_a_number() {
    assert_snapshot!(findings("machines:\n  web:\n    resources: { ram: .nan }\n"), @"");
}

#[test]
fn an_image_that_is_two_things() {
    assert_snapshot!(findings("machines:\n  web:\n    image: { build: debian-13, path: a.img }\n"), @"");
}

#[test]
fn an_unset_variable() {
    assert_snapshot!(findings("name: shop\nmachines:\n  web: { image: \"img-${RELEASE}\" }\n"), @"");
}

#[test]
fn a_variable_with_a_reason() {
    assert_snapshot!(findings("machines:\n  web: { image: \"${RELEASE:?which one is up to you}\" }\n"), @"");
}

#[test]
fn an_integer_with_a_leading_zero() {
    assert_snapshot!(findings("defaults:\n  engine: { options: { mode: 0644 } }\n"), @"");
}

#[test]
fn a_tag_that_means_nothing_here() {
    assert_snapshot!(findings("machines: !secret\n  web:\n"), @"");
}

#[test]
fn a_second_document() {
    assert_snapshot!(findings("machines:\n---\nmachines:\n"), @"");
}

#[test]
fn a_list_instead_of_settings() {
    assert_snapshot!(findings("- web\n- db\n"), @"");
}

#[test]
fn aliases_of_aliases_are_stopped_early() {
    let mut text = String::from("x-0: &x0 [a, a, a, a, a, a, a, a, a, a]\n");
    for level in 1..12 {
        let names = vec![format!("*x{}", level - 1); 10].join(", ");
        text.push_str(&format!("x-{level}: &x{level} [{names}]\n"));
    }
    let start = Instant::now();
    assert_snapshot!(findings(&text), @"");
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
}

#[test]
fn nesting_without_end() {
    let deep = |n: usize| format!("x-a: {}{}\n", "[".repeat(n), "]".repeat(n));
    assert_snapshot!(findings(&deep(70)), @"");
    assert!(findings(&deep(100_000)).contains("not YAML"), "{}", findings(&deep(100_000)));
}

#[test]
fn an_alias_within_what_it_names() {
    assert_snapshot!(findings("x-a: &a [1, *a]\n"), @"");
}

#[test]
fn bytes_that_are_not_utf_8() {
    let project = Project::empty().file("Machinefile", b"name: shop\nmachines:\n  caf\xe9:\n");
    assert_snapshot!(project.findings(), @"");
}

#[test]
fn two_machinefiles_in_one_folder() {
    let project = Project::new("machines:\n").file("Machinefile.toml", "");
    assert_snapshot!(project.findings(), @"");
}

#[test]
fn no_machinefile_at_all() {
    assert_snapshot!(Project::empty().findings(), @"");
}

#[test]
fn a_file_that_is_not_there() {
    assert_snapshot!(Project::empty().layer("other.yaml").findings(), @"");
}

#[test]
fn several_syntax_errors_of_toml() {
    let project = Project::empty().file("Machinefile.toml", "name = shop\n[machines.web]\ncount = = 2\n");
    assert_snapshot!(project.findings(), @"");
}

#[test]
fn several_problems_in_one_run() {
    let text = "nme: shop\nmachines:\n  web:\n    resources: { ram: lots, cpus: two }\n    engine: { verson: \"26\" }\n    image: 13\n";
    assert_snapshot!(findings(text), @"");
}

#[test]
fn problems_of_several_files_in_one_run() {
    let project = Project::empty()
        .file("base.yaml", "defaults: { sise: 1 }\n")
        .file("more/local.toml", "[machines.web]\ncount = \"two\"\n")
        .layer("base.yaml")
        .layer("more/local.toml");
    assert_snapshot!(project.findings(), @"");
}
