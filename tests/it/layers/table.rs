//! The table of the manual, for every pair of layers.

use libmachine::config::{Layer, policy};

use crate::support::project::Project;

fn manual() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/layers.md");
    std::fs::read_to_string(path).expect("the manual is there")
}

struct Rule {
    name: String,
    earlier: String,
    later: String,
    together: String,
}

fn rules() -> Vec<Rule> {
    let manual = manual();
    let table = manual.split("| rule |").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("the table");
    let cell = |text: &str| text.trim().trim_matches('`').to_owned();
    let rows = table.lines().skip(2).map(|line| line.trim().trim_matches('|').split(" | ").collect::<Vec<_>>());
    let rule = |cells: Vec<&str>| match cells.as_slice() {
        [name, earlier, later, together] => {
            Rule { name: name.trim().to_owned(), earlier: cell(earlier), later: cell(later), together: cell(together) }
        }
        other => panic!("a row has four cells: {other:?}"),
    };
    rows.map(rule).collect()
}

/// The keys of a map in one line, each with its value as it is written.
fn entries(text: &str) -> Vec<(String, String)> {
    let inner = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).expect("a map in one line");
    let mut found = Vec::new();
    let (mut depth, mut quote, mut start) = (0, None, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match (c, quote) {
            (c, Some(open)) => quote = (c != open).then_some(open),
            ('\'' | '"', None) => quote = Some(c),
            ('{' | '[', None) => depth += 1,
            ('}' | ']', None) => depth -= 1,
            (',', None) if depth == 0 => {
                let (key, value) = inner[start..at].split_once(':').expect("a key and a value");
                found.push((key.trim().to_owned(), value.trim().to_owned()));
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

fn say(project: Project, layer: Layer, text: &str) -> Project {
    let cloud_config = || format!("#cloud-config\ncloud-machine: {text}\n");
    match layer {
        Layer::Global => project.global("config.yaml", text),
        Layer::User => project.user("config.d/10-mine.yaml", text),
        Layer::Project => project.file("Machinefile", text),
        Layer::Environment => entries(text).into_iter().fold(project, |project, (key, value)| {
            project.variable(&format!("MACHINE__{}", key.to_uppercase().replace('-', "_")), &value)
        }),
        Layer::CommandLine => {
            entries(text).into_iter().fold(project, |project, (key, value)| project.set(&format!("{key}={value}")))
        }
        Layer::CloudInitUrl => project.text(layer, "http://x/seed", &cloud_config(), None),
        Layer::CloudInitDrive => project.text(layer, "/dev/sr0", &cloud_config(), None),
    }
}

#[test]
fn every_rule_of_the_manual_holds_between_every_two_layers() {
    let rules = rules();
    assert!(rules.len() >= 18, "the table is read");
    for rule in rules {
        let expected = Project::new(&rule.together).config();
        for (i, lower) in Layer::ALL.into_iter().enumerate() {
            for upper in Layer::ALL.into_iter().skip(i + 1) {
                let project = Project::new("");
                let project = say(say(project, lower, &rule.earlier), upper, &rule.later);
                let config = project.config();
                assert_eq!(config.file.defaults, expected.file.defaults, "{}: {lower}, {upper}", rule.name);
                assert_eq!(config.file.machines, expected.file.machines, "{}: {lower}, {upper}", rule.name);
                assert!(config.warnings.is_empty() || lower == Layer::CommandLine, "{:?}", config.warnings);
            }
        }
    }
}

#[test]
fn all_seven_layers_at_once_are_in_the_order_of_the_manual() {
    let manual = manual();
    let listed: Vec<_> = Layer::ALL.iter().map(|layer| manual.find(&format!("| `{layer}` |"))).collect();
    assert!(listed.is_sorted() && listed.iter().all(Option::is_some), "{listed:?}");
    for top in 0..Layer::ALL.len() {
        let layers = &Layer::ALL[..=top];
        let say = |project, (i, layer): (usize, &Layer)| {
            let own = format!("x{i}");
            say(
                project,
                *layer,
                &format!("{{ defaults: {{ image: all, engine: {{ options: {{ top: {i}, {own}: 1 }} }} }} }}"),
            )
        };
        let config = layers.iter().enumerate().fold(Project::new(""), say).config();
        let options = config.file.defaults.as_ref().and_then(|d| d.engine.clone());
        let Some(libmachine::config::file::Engine::Settings(engine)) = options else { panic!("settings") };
        let options = engine.options.expect("options");
        assert_eq!(options["top"], top, "the last one wins");
        assert_eq!(options.len(), top + 2, "and what each says is kept");
        let at = libmachine::value::Path::parse("defaults.engine.options.top");
        assert_eq!(config.layer(&at), Some(layers[top]));
    }
}

#[test]
fn the_lists_that_add_up_are_those_that_the_manual_names() {
    let manual = manual().replace('\n', " ");
    let named = manual.split("Lists that add up").nth(1).and_then(|rest| rest.split(". ").next()).expect("a sentence");
    let named: Vec<_> = named.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, policy::ADDED);
}
