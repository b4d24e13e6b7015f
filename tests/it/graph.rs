//! Linking resources, and drawing the result.

use insta::assert_snapshot;
use libmachine::attributes;
use libmachine::graph::{self, Format, render};

use crate::support::thing::{Scene, Thing, thing};

fn refusal(things: &[Thing]) -> String {
    let error = graph::build(things.iter().map(Thing::handle).collect(), Vec::new());
    error.expect_err("these form no graph").to_string()
}

#[test]
fn a_missing_parent_is_reported_by_name() {
    let text = refusal(&[thing("engine/web", attributes! {}).within("host/web")]);
    assert_snapshot!(text, @"engine/web needs host/web, which nothing provides");
}

#[test]
fn twins_are_reported_by_name() {
    let text = refusal(&[thing("vm/web", attributes! {}), thing("vm/web", attributes! {})]);
    assert_snapshot!(text, @"two resources are called vm/web");
}

#[test]
fn a_cycle_is_reported_with_all_its_members() {
    let text = refusal(&[
        thing("a/1", attributes! {}).after("a/3"),
        thing("a/2", attributes! {}).after("a/1"),
        thing("a/3", attributes! {}).after("a/2"),
        thing("b/1", attributes! {}).after("a/1"),
    ]);
    assert_snapshot!(text, @"these need each other: a/1 → a/2 → a/3 → a/1");
}

fn web() -> Scene {
    Scene::default()
        .wanted(thing("disk/web", attributes! {}))
        .wanted(thing("seed/web", attributes! {}))
        .wanted(thing("vm/web", attributes! {}).uses("disk/web").after("seed/web"))
        .wanted(thing("host/web", attributes! {}).within("vm/web"))
}

#[test]
fn the_tree_draws_what_hangs_on_several_parents_once() {
    assert_snapshot!(render(&web().graph(), Format::Tree), @r"
    disk/web
    └─ vm/web
       └─ host/web
    seed/web
    └─ vm/web …
    ");
}

#[test]
fn dot_dashes_what_is_only_order() {
    assert_snapshot!(render(&web().graph(), Format::Dot), @r#"
    digraph machine {
      rankdir=LR;
      node [shape=box];
      "disk/web";
      "seed/web";
      "vm/web";
      "host/web";
      "disk/web" -> "vm/web";
      "seed/web" -> "vm/web" [style=dashed];
      "vm/web" -> "host/web";
    }
    "#);
}

#[test]
fn mermaid_links_by_number_and_labels_by_id() {
    assert_snapshot!(render(&web().graph(), Format::Mermaid), @r#"
    flowchart LR
      n0["disk/web"]
      n2["seed/web"]
      n3["vm/web"]
      n1["host/web"]
      n0 --> n3
      n2 -.-> n3
      n3 --> n1
    "#);
}

#[test]
fn json_lists_parents_with_their_links() {
    let text = render(&web().graph(), Format::Json);
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["resources"][3]["id"], "host/web");
    assert_eq!(document["resources"][3]["parents"][0], serde_json::json!({"id": "vm/web", "link": "within"}));
}
