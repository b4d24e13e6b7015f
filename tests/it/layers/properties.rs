//! What holds of any settings in any layers.

use libmachine::config::{Config, Layer};
use libmachine::report::configuration;
use libmachine::schema;
use libmachine::value::{Path, Value};
use proptest::prelude::*;

use crate::support::chance;
use crate::support::project::Project;

/// Trees in which a key is always of one kind: `m*` a map, `l*` a list, others scalars.
fn tree() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(Value::from),
        "[ -~]{0,10}".prop_map(Value::from),
        "(yes|null|~|0644|\\$\\{x\\}|\\$\\$|a\nb\n|é: #|<<|- a|\\*x|!y)".prop_map(Value::from),
    ];
    let list = prop::collection::vec(scalar.clone(), 0..3).prop_map(Value::from);
    let flat = (prop::collection::btree_map("s[abc.]", scalar, 0..3), prop::collection::btree_map("l[ab]", list, 0..2));
    let flat = flat.prop_map(|(a, b)| Value::Object(a.into_iter().chain(b).collect()));
    flat.prop_recursive(3, 16, 3, |inner| {
        (inner.clone(), prop::collection::btree_map("m[ab\"* ]", inner, 0..3)).prop_map(|(base, maps)| {
            let Value::Object(mut base) = base else { unreachable!("maps are made of maps") };
            base.extend(maps);
            Value::Object(base)
        })
    })
}

/// The engine's options take any tree.
fn text(tree: &Value) -> String {
    serde_json::json!({ "defaults": { "engine": { "options": tree } } }).to_string().replace('$', "$$")
}

fn say(project: Project, layer: Layer, tree: &Value) -> Project {
    match layer {
        Layer::Global => project.global("config.yaml", &text(tree)),
        Layer::User => project.user("config.yaml", &text(tree)),
        Layer::Project => project.file("Machinefile", text(tree)),
        Layer::Environment => project.variable("MACHINE__DEFAULTS__ENGINE__OPTIONS", &tree.to_string()),
        Layer::CommandLine => project.set(&format!("defaults.engine.options={tree}")),
        Layer::CloudInitUrl | Layer::CloudInitDrive => {
            let text = text(tree).replace("$$", "$");
            project.text(layer, "elsewhere", &format!("#cloud-config\ncloud-machine: {text}\n"), None)
        }
    }
}

fn dump(config: &Config) -> Value {
    config.dump(&schema::machinefile(&[]), false, "shop")
}

proptest! {
    #![proptest_config(chance::config(24))]

    #[test]
    fn what_is_dumped_is_the_same_configuration_again(a in tree(), b in tree()) {
        let config = say(say(Project::new(""), Layer::User, &a), Layer::Project, &b).config();
        let dumped = dump(&config);
        let nowhere = configuration::Places::new();
        let toml = configuration::toml(&dumped, &nowhere).expect("nothing is null");
        for (name, text) in [("x.yaml", configuration::yaml(&dumped, &nowhere)), ("x.toml", toml), ("x.json", dumped.to_string())] {
            let again = Project::empty().file(name, &text).layer(name).config();
            prop_assert_eq!(&again.file.defaults, &config.file.defaults, "{}: {}", name, text);
            prop_assert_eq!(dump(&again), dumped.clone(), "{}", text);
        }
    }

    #[test]
    fn the_last_one_to_say_a_value_is_right_and_its_place_shows_it(trees in prop::collection::vec(tree(), 7), excluded in 0..7_usize) {
        let project = Layer::ALL.into_iter().zip(&trees).fold(Project::new(""), |project, (layer, tree)| say(project, layer, tree));
        let path = Path::parse("defaults.engine.options");
        // One layer says in passing that nothing before it counts.
        let project = if excluded == 4 { project.exclude("defaults.engine.options") } else { project };
        let first = if excluded == 4 { 4 } else { 0 };
        let config = project.config();
        for leaf in config.leaves(&schema::machinefile(&[]), false) {
            let keys = leaf.path.keys();
            if !keys.starts_with(path.keys()) {
                continue;
            }
            let said = |tree: &Value| keys[3..].iter().try_fold(tree.clone(), |value, key| value.get(key).cloned());
            let last = trees.iter().enumerate().skip(first).filter_map(|(i, tree)| Some((i, said(tree)?))).next_back();
            let (layer, value) = last.expect("somebody said it");
            if !value.is_object() {
                prop_assert_eq!(&leaf.value, &value, "{}", leaf.path);
            }
            prop_assert_eq!(leaf.layer, Layer::ALL[layer], "{}", leaf.path);
            let written = &leaf.origin.source.text[leaf.origin.span.clone()];
            let written = if leaf.layer <= Layer::Project { written.replace("$$", "$") } else { written.to_owned() };
            let shown: Value = serde_json::from_str(&written).expect("the place shows JSON");
            prop_assert_eq!(shown, if value.is_object() { leaf.value } else { value });
        }
    }

    #[test]
    fn it_does_not_matter_which_layers_are_laid_together_first(a in tree(), b in tree(), c in tree()) {
        let two = |lower: &Value, upper: &Value| {
            say(say(Project::new(""), Layer::User, lower), Layer::Project, upper).config()
        };
        let options = |config: &Config| dump(config)["defaults"]["engine"]["options"].clone();
        let plain = |value: Value| serde_json::from_str::<Value>(&value.to_string().replace("$$", "$")).expect("JSON");
        let (left, right) = (plain(options(&two(&a, &b))), plain(options(&two(&b, &c))));
        prop_assert_eq!(options(&two(&left, &c)), options(&two(&a, &right)));
    }
}
