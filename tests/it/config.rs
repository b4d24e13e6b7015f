//! From text to settings: formats, layers, interpolation, and where each value stands.

use std::fmt::Write;
use std::time::{Duration, Instant};

use libmachine::config::{Config, Layer, file};
use libmachine::value::Path;
use proptest::prelude::*;

use crate::support::chance;
use crate::support::project::Project;

fn machine(config: &Config, name: &str) -> file::Machine {
    config.file.machines.as_ref().expect("machines")[name].clone().unwrap_or_default()
}

/// The text that a setting's place shows.
fn shown(config: &Config, path: &str) -> String {
    let origin = config.origin(&Path::parse(path)).unwrap_or_else(|| panic!("`{path}` is not written"));
    format!("{}: {}", origin.source.name, &origin.source.text[origin.span.clone()])
}

#[test]
fn yaml_and_toml_are_two_notations_of_one_model() {
    let yaml = Project::new(
        "name: shop\nmachines:\n  web:\n    resources: { ram: 3.5, cpus: 2 }\n    ports: ['8080:80']\n    engine: false\n",
    );
    let toml = Project::new(
        "name = 'shop'\n[machines.web]\nresources = { ram = 3.5, cpus = 2 }\nports = ['8080:80']\nengine = false\n",
    );
    assert_eq!(yaml.config().file, toml.config().file);
}

#[test]
fn the_machinefile_is_found_in_a_folder_above() {
    let project = Project::new("name: shop\n").file("a/b/c", "");
    let config = project.load_in(&project.path().join("a/b")).expect("is found");
    assert_eq!(config.folder, project.path());
}

#[test]
fn standard_input_is_a_layer_like_any_other() {
    let project = Project::empty().file("base.yaml", "name: base\nid: a\n").layer("base.yaml").stdin("name = 'shop'\n");
    let config = project.config();
    assert_eq!((config.file.name.as_deref(), config.file.id.as_deref()), (Some("shop"), Some("a")));
    assert_eq!(shown(&config, "name"), "<stdin>: 'shop'");
    assert_eq!(shown(&config, "id"), "base.yaml: a");
}

/// Two layers over a machine's settings, and what they come to.
#[test]
fn layers_merge_maps_by_key_and_replace_everything_else() {
    #[track_caller]
    fn case(lower: &str, upper: &str, merged: &str) {
        let wrap = |machine: &str| format!("machines: {{ web: {machine} }}\n");
        let layered =
            Project::empty().file("a.yaml", wrap(lower)).file("b.yaml", wrap(upper)).layer("a.yaml").layer("b.yaml");
        let expected = Project::new(&wrap(merged));
        assert_eq!(layered.config().file, expected.config().file, "{lower} + {upper}");
    }
    case("{ count: 1 }", "{ count: 2 }", "{ count: 2 }");
    case("{ count: 1 }", "{ image: a }", "{ count: 1, image: a }");
    case("{ resources: { ram: 1, cpus: 1 } }", "{ resources: { ram: 2 } }", "{ resources: { ram: 2, cpus: 1 } }");
    case("{ ports: ['1:1', '2:2'] }", "{ ports: ['3:3'] }", "{ ports: ['3:3'] }");
    case("{ ports: ['1:1'] }", "{ ports: [] }", "{ ports: [] }");
    case("{ count: 1 }", "{ count: }", "{ count: 1 }");
    case("{ resources: { ram: 1 } }", "{ resources: }", "{ resources: { ram: 1 } }");
    case("{ count: 1 }", "", "{ count: 1 }");
    case("", "{ count: 1 }", "{ count: 1 }");
    case("{ engine: { version: '26' } }", "{ engine: false }", "{ engine: false }");
    case("{ engine: false }", "{ engine: { version: '26' } }", "{ engine: { version: '26' } }");
    case(
        "{ engine: { options: { a: { x: 1, y: 1 }, b: [1] } } }",
        "{ engine: { options: { a: { y: 2 }, b: [2] } } }",
        "{ engine: { options: { a: { x: 1, y: 2 }, b: [2] } } }",
    );
}

#[test]
fn each_value_knows_the_file_that_had_the_last_word() {
    let config = Project::empty()
        .file("a.yaml", "machines:\n  web:\n    count: 1\n    resources: { ram: 1, cpus: 4 }\n")
        .file("b.toml", "[machines.web.resources]\nram = 2.5\n")
        .layer("a.yaml")
        .layer("b.toml")
        .config();
    assert_eq!(shown(&config, "machines.web.count"), "a.yaml: 1");
    assert_eq!(shown(&config, "machines.web.resources.cpus"), "a.yaml: 4");
    assert_eq!(shown(&config, "machines.web.resources.ram"), "b.toml: 2.5");
    let origin = config.origin(&Path::parse("machines.web.resources.ram")).expect("is written");
    assert_eq!(origin.line_column(), (2, 7));
}

#[test]
fn what_is_not_written_is_looked_for_in_defaults_and_then_above() {
    let text = "defaults:\n  resources: { ram: 1 }\nmachines:\n  web: { resources: { disks: {} } }\n";
    let config = Project::new(text).config();
    let near = |path: &str| {
        let origin = config.nearest_origin(&Path::parse(path));
        origin.source.text[origin.span.clone()].to_owned()
    };
    assert_eq!(shown(&config, "machines.web.resources.ram"), "Machinefile: 1");
    assert_eq!(config.origin(&Path::parse("machines.web.resources.cpus")), None);
    assert_eq!(near("machines.web.resources.cpus"), "{ disks: {} }");
    assert_eq!(near("machines.web.image"), "{ resources: { disks: {} } }");
    assert_eq!(near("compose.site"), text.trim_end());
    assert_eq!(config.layer(&Path::parse("machines.web.resources.ram")), Some(Layer::Project));
}

#[test]
fn relative_paths_start_from_the_file_that_names_them() {
    let project = Project::empty()
        .file("base/base.yaml", "machines: { web: { ssh: { identity: key } } }\n")
        .file("top.yaml", "machines: { web: { cloud-init: seed } }\n")
        .layer("base/base.yaml")
        .layer("top.yaml");
    let config = project.config();
    assert_eq!(config.base(&Path::parse("machines.web.ssh.identity")), project.path().join("base"));
    assert_eq!(config.base(&Path::parse("machines.web.cloud-init")), project.path());
}

#[test]
fn variables_fill_values() {
    #[track_caller]
    fn case(written: &str, expected: &str) {
        let text = format!("machines: {{ web: {{ image: {written} }} }}\n");
        let config = Project::new(&text).variable("A", "alpha").variable("EMPTY", "").config();
        assert_eq!(machine(&config, "web").image, Some(file::Image::Name(expected.to_owned())), "{written}");
    }
    case("'${A}'", "alpha");
    case("'x-${A}-y'", "x-alpha-y");
    case("'${A}${A}'", "alphaalpha");
    case("'${A:-beta}'", "alpha");
    case("'${B:-beta}'", "beta");
    case("'${EMPTY:-beta}'", "beta");
    case("'${B:-${A}}'", "alpha");
    case("'${B:-${C:-x}y}z'", "xyz");
    case("'${A:?why}'", "alpha");
    case("'x${EMPTY}'", "x");
    case("'$$'", "$");
    case("'$${A}'", "${A}");
    case("'$A'", "$A");
    case("'1$'", "1$");
    case("'$(A)'", "$(A)");
}

#[test]
fn a_value_that_is_one_interpolation_has_the_type_that_the_setting_takes() {
    let text =
        "machines:\n  web:\n    count: '${N}'\n    resources: { ram: '${R}' }\n    engine:\n      version: ${V}\n";
    let variables = |project: Project| project.variable("N", "3").variable("R", "1.5").variable("V", "26.10");
    let toml = "[machines.web]\ncount = '${N}'\nresources.ram = '${R}'\nengine.version = '${V}'\n";
    for text in [text, toml] {
        let web = machine(&variables(Project::new(text)).config(), "web");
        assert_eq!(web.count, Some(3));
        assert_eq!(web.resources.and_then(|resources| resources.ram), Some(file::Size::Number(1.5)));
        let Some(file::Engine::Settings(engine)) = web.engine else { panic!("settings") };
        assert_eq!(engine.version.as_deref(), Some("26.10"));
    }
}

#[test]
fn where_any_type_will_do_a_quoted_interpolation_is_text() {
    let text = "defaults:\n  engine:\n    options:\n      a: ${N}\n      b: '${N}'\n      c: ${N}0\n      d: ${F}\n";
    let config = Project::new(text).variable("N", "3").variable("F", "false").config();
    assert_eq!(options(&config), serde_json::json!({ "a": 3, "b": "3", "c": "30", "d": false }));
}

#[test]
fn a_variable_is_not_looked_into() {
    let config = Project::new("machines:\n  web:\n    image: ${A}\n").variable("A", "${B}").config();
    assert_eq!(machine(&config, "web").image, Some(file::Image::Name("${B}".to_owned())));
}

#[test]
fn merge_keys_and_anchors_are_understood() {
    let text = "x-base: &base { count: 1, image: a }\nx-more: &more { image: b, ssh: { user: x } }\nmachines:\n  \
        web: { <<: *base, count: 2 }\n  db: { <<: [*base, *more] }\n  copy: *base\n";
    let expected = "machines:\n  web: { count: 2, image: a }\n  db: { count: 1, image: a, ssh: { user: x } }\n  \
        copy: { count: 1, image: a }\n";
    assert_eq!(Project::new(text).config().file, Project::new(expected).config().file);
}

#[test]
fn extensions_are_let_alone_and_options_are_not_extensions() {
    let text = "x-a: [1, .nan]\nmachines:\n  x-b: 1\n  web:\n    x-c: {}\n    engine: { options: { x-d: 1, y: { x-e: 2 } } }\n";
    let config = Project::new(text).config();
    let names: Vec<_> = config.file.machines.as_ref().expect("machines").keys().collect();
    assert_eq!(names, ["web"]);
    let Some(file::Engine::Settings(engine)) = machine(&config, "web").engine else { panic!("settings") };
    let options = serde_json::to_value(engine.options).expect("is JSON");
    assert_eq!(options, serde_json::json!({ "x-d": 1, "y": { "x-e": 2 } }));
}

#[test]
fn ten_thousand_machines_load_and_resolve_in_no_time() {
    let mut text = String::from("defaults: { resources: { ram: 1 } }\nmachines:\n");
    for n in 0..10_000 {
        writeln!(text, "  m{n}:\n    image: debian-13\n    resources: {{ cpus: 2 }}").expect("fits");
    }
    let start = Instant::now();
    assert_eq!(Project::new(&text).desired().machines.len(), 10_000);
    // Generous, because tests are built without optimisation; what is quadratic takes minutes.
    assert!(start.elapsed() < Duration::from_secs(20), "took {:?}", start.elapsed());
}

fn tree() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        (-1e9..1e9_f64).prop_map(serde_json::Value::from),
        "[ -#%-~]{0,12}".prop_map(serde_json::Value::from),
        "[0-9.eE+xo-]{1,6}".prop_map(serde_json::Value::from),
        "(true|null|~|no|on|<<|yes|\\.nan|\\.inf|- a|a: b|\n|\t|é|😀|a\nb\n)".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-z 0-9.:~-]{1,6}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The engine's options take any tree, so they show what the loader makes of one.
fn options(config: &Config) -> serde_json::Value {
    let Some(file::Engine::Settings(engine)) = config.file.defaults.clone().and_then(|d| d.engine) else {
        panic!("engine settings")
    };
    serde_json::Value::Object(engine.options.unwrap_or_default().into_iter().collect())
}

/// Every leaf with its path.
fn leaves(value: &serde_json::Value, at: &Path, found: &mut Vec<(Path, serde_json::Value)>) {
    match value {
        serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| leaves(value, &at.join(key), found)),
        serde_json::Value::Array(list) => list.iter().enumerate().for_each(|(i, v)| leaves(v, &at.join(i), found)),
        leaf => found.push((at.clone(), leaf.clone())),
    }
}

proptest! {
    #![proptest_config(chance::config(96))]

    #[test]
    fn any_tree_written_as_yaml_is_read_back_the_same(tree in tree()) {
        let file = serde_json::json!({ "defaults": { "engine": { "options": { "tree": tree } } } });
        let text = yaml_serde::to_string(&file).expect("is YAML");
        let config = Project::new(&text).config();
        prop_assert_eq!(&options(&config)["tree"], &tree, "{}", text);
    }

    #[test]
    fn every_place_shows_text_that_means_the_value(tree in tree()) {
        let file = serde_json::json!({ "defaults": { "engine": { "options": { "tree": tree } } } });
        let text = serde_json::to_string_pretty(&file).expect("is JSON, and so YAML");
        let config = Project::new(&text).config();
        let mut found = Vec::new();
        leaves(&tree, &Path::parse("defaults.engine.options.tree"), &mut found);
        for (path, value) in found {
            let origin = config.origin(&path).expect("is written");
            let shown: serde_json::Value = serde_json::from_str(&origin.source.text[origin.span.clone()]).expect("a value");
            prop_assert_eq!(shown, value);
        }
    }
}
