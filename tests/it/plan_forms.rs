//! The forms of a plan: as text on terminals of some width, as JSON after its schema, as Markdown for a review.

use insta::assert_snapshot;
use libmachine::attributes;
use libmachine::plan::Plan;
use libmachine::report::{Detail, Style, plan as print, plan_json, plan_markdown, plan_schema};
use libmachine::resource::Text;
use libmachine::value::Path;
use serde_json::Value;

use crate::support::thing::{Scene, thing};

fn on_terminal(plan: &Plan, width: usize) -> String {
    print(plan, Detail::Changes, Style { colour: false, width: Some(width) })
}

/// As a program reads it, held against the schema.
fn json(plan: &Plan) -> Value {
    let document: Value = serde_json::from_str(&plan_json(plan, "shop")).expect("JSON");
    let validator = jsonschema::validator_for(&plan_schema()).expect("a schema");
    if let Err(error) = validator.validate(&document) {
        panic!("{error}\n{document:#}");
    }
    document
}

const OLD: &str = "#cloud-config\ntimezone: Etc/UTC\npackages:\n  - htop\n  - jq\nruncmd:\n  - [true]\n";
const NEW: &str = "#cloud-config\ntimezone: Europe/Berlin\npackages:\n  - htop\n  - jq\nruncmd:\n  - [true]\n";

fn mixed() -> Scene {
    Scene::default()
        .wanted(thing("vm/web", attributes! {"cpus": 4, "label": "front", "user-data": NEW, "note": "b"}))
        .seen("vm/web", attributes! {"cpus": 2, "label": "hacked", "user-data": OLD, "note": "c"})
        .recorded("vm/web", attributes! {"cpus": 2, "label": "front", "user-data": OLD, "note": "a"})
}

#[test]
fn texts_are_shown_as_diffs_and_every_change_says_whose_it_is() {
    assert_snapshot!(mixed().printed(), @r"
      ~ vm/web update  changed in the Machinefile and without us · restarts the machine
            cpus       2 → 4  (in the Machinefile)
            label      hacked → front  (without us)
            note       c → b  (we left a)
            user-data  (in the Machinefile)
                @@ -1,5 +1,5 @@
                 #cloud-config
                -timezone: Etc/UTC
                +timezone: Europe/Berlin
                 packages:
                   - htop
                   - jq

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    ");
}

#[test]
fn in_json_every_change_says_whose_it_is() {
    let document = json(&mixed().plan());
    let step = &document["steps"][0];
    assert_eq!(
        (&step["cause"], &step["reason"]),
        (&"mixed".into(), &"changed in the Machinefile and without us".into())
    );
    let cause =
        |n: usize| (step["changes"][n]["path"].as_str().unwrap(), step["changes"][n]["cause"].as_str().unwrap());
    assert_eq!([cause(0), cause(1), cause(2)], [("cpus", "file"), ("label", "outside"), ("note", "both")]);
    assert_eq!(step["changes"][2]["left"], "a");
    assert_eq!(document["format"], 1);
}

/// A plan with the texts behind its digests.
fn behind() -> Plan {
    let seen = attributes! {"files": {"compose.yaml": "sha256:aa", ".env": "sha256:cc", "gone": "sha256:ee"}, "seed": {"first": "1"}};
    let wanted = attributes! {"files": {"compose.yaml": "sha256:bb", ".env": "sha256:dd"}, "seed": {"first": "2"}};
    let mut plan = Scene::default().wanted(thing("vm/web", wanted)).seen("vm/web", seen).plan();
    let file = |name: &str| Path::root().join("files").join(name);
    plan.steps[0].texts = vec![
        Text::between(file("compose.yaml"), b"a: 1\ntoken: x\n", b"a: 2\ntoken: y\n"),
        Text::covered(file(".env")),
        Text::between(Path::parse("seed"), OLD.as_bytes(), NEW.as_bytes()),
    ];
    plan
}

#[test]
fn texts_behind_digests_are_shown_line_by_line_without_their_secrets() {
    assert_snapshot!(on_terminal(&behind(), 200), @r#"
      ~ vm/web update  not as the Machinefile asks
            files.".env"          sha256:cc → sha256:dd  (not shown: covered)
            files."compose.yaml"
                @@ -1,2 +1,2 @@
                -a: 1
                +a: 2
                 token: ***
                (what is covered changes too)
            files.gone            sha256:ee → (none)
            seed.first            1 → 2
            seed
                @@ -1,5 +1,5 @@
                 #cloud-config
                -timezone: Etc/UTC
                +timezone: Europe/Berlin
                 packages:
                   - htop
                   - jq

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    "#);
    assert_snapshot!(plan_markdown(&behind(), "shop"), @r#"
    ### `shop`: 0 to create, 1 to change, 0 to replace, 0 to delete

    <details><summary><code>~</code> <b>vm/web</b> update: not as the Machinefile asks</summary>

    ```diff
    - files.".env": sha256:cc
    + files.".env": sha256:dd  (not shown: covered)
    # files."compose.yaml"
    @@ -1,2 +1,2 @@
    -a: 1
    +a: 2
     token: ***
    (what is covered changes too)
    - files.gone: sha256:ee
    # files.gone goes
    - seed.first: 1
    + seed.first: 2
    # seed
    @@ -1,5 +1,5 @@
     #cloud-config
    -timezone: Etc/UTC
    +timezone: Europe/Berlin
     packages:
       - htop
       - jq
    ```

    </details>

    0 resources unchanged.
    "#);
    let document = json(&behind());
    let texts = document["steps"][0]["texts"].as_array().unwrap();
    assert_eq!(texts[0]["diff"], "@@ -1,2 +1,2 @@\n-a: 1\n+a: 2\n token: ***\n");
    assert_eq!((&texts[0]["covered"], &texts[0]["path"]), (&true.into(), &"files.\"compose.yaml\"".into()));
    assert_eq!((&texts[1]["hidden"], texts[1].get("diff")), (&"covered".into(), None));
}

#[test]
fn long_maps_are_compared_line_by_line() {
    let files =
        |digest: &str| attributes! {"peers": [{"name": "one", "key": digest}, {"name": "two", "key": "AAAAAAAAAAAA"}]};
    let scene = Scene::default()
        .wanted(thing("vm/web", files("after0000000000000000")))
        .seen("vm/web", files("before000000000000000"));
    assert_snapshot!(scene.printed(), @r#"
      ~ vm/web update  not as the Machinefile asks
            peers
                @@ -1,6 +1,6 @@
                 [
                   {
                -    "key": "before000000000000000",
                +    "key": "after0000000000000000",
                     "name": "one"
                   },
                   {

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete; 0 resources unchanged.
    "#);
}

fn replaced() -> Scene {
    Scene::default()
        .wanted(thing("box/web", attributes! {"image": "debian-13"}))
        .seen("box/web", attributes! {"image": "debian-12", "address": "10.0.0.1"})
        .recorded("box/web", attributes! {"image": "debian-12", "address": "10.0.0.1"})
        .wanted(thing("engine/web", attributes! {"debug": true}).within("box/web"))
        .seen("engine/web", attributes! {"debug": true})
        .wanted(thing("lb/front", attributes! {}).uses("box/web"))
        .unreadable("lb/other", "no answer")
        .wanted(thing("lb/other", attributes! {}))
}

#[test]
fn what_only_the_world_decides_is_known_after_apply() {
    let plan = replaced().plan();
    assert_snapshot!(print(&plan, Detail::Long, Style::PLAIN), @r"
    -/+ box/web    replace changed in the Machinefile
            image     debian-12 → debian-13
            address   (known after apply)
            host-key  (known after apply)
      + engine/web create  box/web is made anew
            debug  true
      + lb/front   create  new
      ! lb/other blocked: no answer

    These lose data for good:
        box/web  replace  --allow-replace web

    Plan: 2 to create, 0 to change, 1 to replace, 0 to delete, 1 blocked; 0 resources unchanged.
    ");
    let document = json(&plan);
    let host_key = &document["steps"][0]["changes"][2];
    assert_eq!(
        (&host_key["path"], &host_key["after"], &host_key["known"]),
        (&"host-key".into(), &Value::Null, &false.into())
    );
    assert_eq!(document["blocked"][0]["cause"], "unreadable");
}

#[test]
fn a_narrow_terminal_folds_lines_and_cuts_nothing() {
    let long = |n: usize| format!("registry.example.org/{n}/{}", "path/".repeat(12));
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {"cpus": 4, "mirror": long(2)}))
        .seen("vm/web", attributes! {"cpus": 2, "mirror": long(1)})
        .wanted(thing("vm/db", attributes! {}))
        .unreadable("vm/db", "the machine is switched off and what is on it cannot be seen from here");
    let narrow = on_terminal(&scene.plan(), 60);
    assert_snapshot!(narrow, @r"
      ~ vm/web update  not as the Machinefile asks · restarts
                       the machine
            cpus    2 → 4
            mirror  registry.example.org/1/path/path/path/path/path/path/path/path/path/path/path/path/
                    → registry.example.org/2/path/path/path/path/path/path/path/path/path/path/path/path/
      ! vm/db blocked: the machine is switched off and what is
            on it cannot be seen from here

    Plan: 0 to create, 1 to change, 0 to replace, 0 to delete, 1 blocked; 0 resources unchanged.
    ");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&narrow), words(&scene.printed()), "folding changes nothing but line breaks");
    assert_eq!(on_terminal(&scene.plan(), 1000), scene.printed());
}

#[test]
fn in_markdown_what_loses_data_comes_first_and_every_step_folds() {
    assert_snapshot!(plan_markdown(&replaced().plan(), "shop"), @r"
    ### `shop`: 2 to create, 0 to change, 1 to replace, 0 to delete, 1 blocked

    > [!CAUTION]
    > **These lose data for good:**
    > - `box/web` (replace): `--allow-replace web`

    <details><summary><code>-/+</code> <b>box/web</b> replace: changed in the Machinefile</summary>

    ```diff
    - image: debian-12
    + image: debian-13
    + address: (known after apply)
    + host-key: (known after apply)
    ```

    </details>

    <details><summary><code>+</code> <b>engine/web</b> create: box/web is made anew</summary>

    ```diff
    + debug: true
    ```

    </details>

    <details><summary><code>+</code> <b>lb/front</b> create: new</summary>

    </details>

    Not planned:

    - `lb/other` is blocked: no answer

    0 resources unchanged.
    ");
}

#[test]
fn markdown_fences_what_itself_holds_fences() {
    let scene = Scene::default()
        .wanted(thing("vm/web", attributes! {"motd": "```\n<b>hello</b>\n```\n"}))
        .seen("vm/web", attributes! {"motd": "none"});
    let text = plan_markdown(&scene.plan(), "shop");
    assert!(text.contains("\n````diff\n") && text.contains("\n````\n"), "{text}");
}

#[test]
fn what_goes_with_its_parent_is_named_in_every_form() {
    let plan = Scene::default()
        .orphan(thing("vm/web", attributes! {}))
        .orphan(thing("engine/web", attributes! {}).within("vm/web"))
        .orphan(thing("project/site", attributes! {}).within("engine/web"))
        .plan();
    assert!(print(&plan, Detail::Changes, Style::PLAIN).contains("takes along engine/web, project/site\n"));
    assert!(plan_markdown(&plan, "shop").contains("Takes along: engine/web, project/site\n"));
    let document = json(&plan);
    assert_eq!(document["vanishing"][1], serde_json::json!({"resource": "project/site", "with": "vm/web"}));
}

#[test]
fn markdown_says_what_it_keeps_to_and_what_could_not_be_seen() {
    let scene = Scene::default().wanted(thing("vm/web", attributes! {})).seen("vm/web", attributes! {});
    let mut plan = scene.selecting(&["web"], &[]).plan();
    plan.unseen = vec![("lab".to_owned(), "it does not answer".to_owned())];
    let text = plan_markdown(&plan, "shop");
    assert!(text.contains("> limited to web: 0 resources left out"), "{text}");
    assert!(text.contains("- `lab` could not be listed: it does not answer"), "{text}");
}
