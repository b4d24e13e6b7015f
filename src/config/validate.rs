//! The merged settings against the JSON Schema: every error of one run, each at its place and in words.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use figment::value::{Dict, Num, Value};
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::types::JsonType;
use jsonschema::{ValidationError, paths::LocationSegment};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::Config;
use super::error::Problem;
use super::file::Machinefile;
use super::node::{Node, Scalar};
use super::salvage::salvage;
use super::secret;
use super::shape::Shape;
use crate::cover;
use crate::note;
use crate::origin::Origin;
use crate::value::Path;

/// Keys that are the user's own business, wherever keys are ours.
pub(super) const EXTENSION: &str = "x-";

/// Tags that nothing here understands: to pass over one would be to ignore what was asked for.
pub(super) fn tags(root: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    root.walk(&mut |node| {
        if let Some(tag) = &node.tag {
            let problem = Problem::new(tag_origin(node, tag), format!("tag `{tag}` is not known here"));
            problems.push(problem.hint("remove it: `!reset` and `!override` are the only ones"));
        }
    });
    problems
}

/// The tag's own bytes, which stand before the value and behind its key.
fn tag_origin(node: &Node, tag: &str) -> Origin {
    let origin = node.origin.clone();
    let before = if origin.key.end <= origin.span.start { origin.key.end } else { 0 };
    let between = origin.source.text.get(before..origin.span.start).unwrap_or_default();
    match between.rfind(tag).map(|at| before + at) {
        Some(at) => Origin { span: at..at + tag.len(), ..origin },
        None => origin,
    }
}

/// What the schema says of the settings.
pub(super) struct Verdict {
    /// All of them, or what is left without the faults.
    pub(super) file: Machinefile,
    /// The settings, faults and all.
    pub(super) settings: Json,
    /// In the order in which they are written.
    pub(super) problems: Vec<Problem>,
    /// What was left out for being at fault.
    pub(super) faults: Vec<Path>,
}

/// The typed form of the settings with all that is wrong with them. The error is settings of which nothing can be kept.
pub(super) fn validate(config: &Config, schema: &Json) -> Result<Verdict, Vec<Problem>> {
    let mut infinite = Vec::new();
    let mut settings = json_of(&config.merged, &mut infinite);
    let mut problems: Vec<_> = infinite
        .iter()
        .map(|path| {
            let problem =
                Problem::new(config.nearest_origin(path).clone(), format!("{} is no finite number", named(path)));
            problem.hint("write a number that can be counted with")
        })
        .collect();
    let validator = jsonschema::draft7::new(schema).expect("the schema is generated from the types");
    for (pointer, reading) in other_readings(config, validator.iter_errors(&settings)) {
        settings.pointer_mut(&pointer).into_iter().for_each(|value| *value = reading.clone());
    }
    make_whole(&mut settings, &Shape::root(schema));
    for error in validator.iter_errors(&settings) {
        let path = instance_path(&error);
        if !infinite.contains(&path) {
            problems.extend(worded(config, schema, &error, &path));
        }
    }
    if problems.is_empty() {
        settings.as_object_mut().into_iter().for_each(|settings| _ = settings.remove("profiles"));
        let file = Machinefile::deserialize(&settings)
            .map_err(|error| vec![Problem::new(config.nearest_origin(&Path::root()).clone(), error.to_string())])?;
        return Ok(Verdict { file, settings, problems, faults: Vec::new() });
    }
    problems.sort_by_cached_key(|problem| {
        let file = config.documents.iter().position(|d| d.root.origin.source == problem.origin.source);
        (file, problem.origin.key.start, Reverse(problem.origin.span.end), problem.message.clone())
    });
    match salvage(settings.clone(), &validator) {
        Some((file, faults)) if infinite.is_empty() => Ok(Verdict { file, settings, problems, faults }),
        _ => Err(problems),
    }
}

/// `2.0` is two where a whole number is asked for.
fn make_whole(value: &mut Json, shape: &Shape<'_>) {
    match value {
        Json::Object(map) => map.iter_mut().for_each(|(key, value)| make_whole(value, &shape.child(key))),
        Json::Array(items) => items.iter_mut().for_each(|item| make_whole(item, &shape.child("0"))),
        Json::Number(number) if number.is_f64() && shape.takes_only_whole_numbers() => {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0).map(|number| format!("{number:.0}"));
            if let Some(whole) = whole.and_then(|text| text.parse::<i64>().ok()) {
                *value = Json::from(whole);
            }
        }
        _ => {}
    }
}

/// Where an interpolation's value is not what the setting takes, and what else it can mean.
fn other_readings<'a>(config: &Config, errors: impl Iterator<Item = ValidationError<'a>>) -> BTreeMap<String, Json> {
    let reading = |error: ValidationError<'a>| {
        if !matches!(error.kind(), Kind::Type { .. } | Kind::Pattern { .. }) {
            return None;
        }
        let (_, node) = config.written(&instance_path(&error))?;
        let reading = match node.otherwise.as_ref()? {
            Scalar::Null => Json::Null,
            Scalar::Flag(flag) => Json::from(*flag),
            Scalar::Signed(number) => Json::from(*number),
            Scalar::Unsigned(number) => Json::from(*number),
            Scalar::Float(number) => Json::from(Some(*number).filter(|number| number.is_finite())?),
            Scalar::Text(text) => Json::from(text.as_str()),
        };
        Some((error.instance_path().as_str().to_owned(), reading))
    };
    errors.filter_map(reading).collect()
}

/// The settings as JSON, without extensions; the paths of numbers that JSON cannot hold are put aside.
pub(super) fn json_of(settings: &Dict, infinite: &mut Vec<Path>) -> Json {
    Json::Object(object(settings, &mut Vec::new(), infinite))
}

fn object(dict: &Dict, at: &mut Vec<String>, infinite: &mut Vec<Path>) -> Map<String, Json> {
    // The engine's own options are passed on as they are.
    let ours = !at.ends_with(&["engine".to_owned(), "options".to_owned()]) && !at.iter().any(|key| key == "options");
    let mut object = Map::new();
    for (key, value) in dict.iter().filter(|(key, _)| !(ours && key.starts_with(EXTENSION))) {
        at.push(key.clone());
        object.insert(key.clone(), json(value, at, infinite));
        at.pop();
    }
    object
}

fn json(value: &Value, at: &mut Vec<String>, infinite: &mut Vec<Path>) -> Json {
    match value {
        Value::Dict(_, dict) => Json::Object(object(dict, at, infinite)),
        Value::Array(_, list) => {
            let items = list.iter().enumerate().map(|(i, item)| {
                at.push(i.to_string());
                let item = json(item, at, infinite);
                at.pop();
                item
            });
            Json::Array(items.collect())
        }
        Value::String(_, text) => Json::from(text.as_str()),
        Value::Char(_, c) => Json::from(c.to_string()),
        Value::Bool(_, flag) => Json::from(*flag),
        Value::Empty(..) => Json::Null,
        Value::Num(_, Num::I64(number)) => Json::from(*number),
        Value::Num(_, Num::U64(number)) => Json::from(*number),
        Value::Num(_, number) => {
            let number = number.to_f64().unwrap_or(f64::NAN);
            if !number.is_finite() {
                infinite.push(at.iter().cloned().collect());
            }
            Json::from(number)
        }
    }
}

pub(super) fn instance_path(error: &ValidationError<'_>) -> Path {
    let segment = |segment: LocationSegment<'_>| match segment {
        LocationSegment::Property(key) => key.into_owned(),
        LocationSegment::Index(index) => index.to_string(),
    };
    error.instance_path().segments().map(segment).collect()
}

/// One problem per fault: unknown keys of one map are several.
fn worded(config: &Config, schema: &Json, error: &ValidationError<'_>, path: &Path) -> Vec<Problem> {
    let rule = rule(schema, error);
    let problem = |message: String| Problem::new(config.nearest_origin(path).clone(), message);
    let secret = secret::is_secret(schema, path);
    let said = || if secret { "what stands here".to_owned() } else { said(config, path, error.instance()) };
    let name = || named(path);
    let one = match error.kind() {
        Kind::AdditionalProperties { unexpected } if secret => {
            let known = rule.and_then(|rule| rule["properties"].as_object());
            let known: Vec<_> = known.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
            let near = unexpected.iter().find_map(|key| note::nearest(key, known.iter().copied()));
            let hint = near.map_or_else(|| REFERENCE.to_owned(), |near| format!("did you mean `{near}`?"));
            problem(format!("{} is no reference to a secret", name())).hint(hint)
        }
        Kind::AdditionalProperties { unexpected } => {
            return unexpected.iter().map(|key| unknown_key(config, rule, path, key)).collect();
        }
        Kind::PropertyNames { error } => {
            let key = error.instance().as_str().unwrap_or_default();
            let origin = config.nearest_origin(&path.join(key)).clone();
            let message = format!("`{key}` is not a name");
            let names = rule.map(|rule| rule.get("propertyNames").unwrap_or(rule));
            let form = names.and_then(|names| names["patternErrorMessage"].as_str());
            let problem = Problem::new(origin, message).at_key();
            return vec![form.into_iter().fold(problem, Problem::hint)];
        }
        Kind::Type { .. } if secret => problem(format!("{} cannot be this", name())).hint(REFERENCE),
        Kind::Type { kind } => wrong_type(config, path, &name(), kind, error.instance()),
        Kind::Enum { options } => {
            let known: Vec<_> = options.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
            let given = error.instance().as_str().unwrap_or_default();
            problem(format!("{} cannot be {}", name(), said())).hint(note::suggestion(given, known))
        }
        Kind::Pattern { .. } => {
            let problem = problem(format!("{} cannot be {}", name(), said()));
            let form = rule.and_then(|rule| rule["patternErrorMessage"].as_str());
            form.into_iter().fold(problem, Problem::hint)
        }
        Kind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            let problem = problem(format!("{} lacks `{property}`", name())).at_key();
            let dropped = config.dropped(&path.join(property)).cloned();
            dropped.into_iter().fold(problem, |problem, origin| problem.also(origin, "dropped here"))
        }
        Kind::Minimum { limit } => problem(format!("{} is {}, but must be at least {limit}", name(), said())),
        Kind::Maximum { limit } => problem(format!("{} is {}, but must be at most {limit}", name(), said())),
        Kind::ExclusiveMinimum { limit } => problem(format!("{} is {}, but must be more than {limit}", name(), said())),
        Kind::MinItems { .. } | Kind::MinLength { .. } => problem(format!("{} is empty", name())),
        Kind::UniqueItems => problem(format!("{} names one thing twice", name())),
        _ => problem(error.masked_with("this value").to_string()),
    };
    vec![one]
}

const REFERENCE: &str = "refer to it: `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM, …] }`";

/// What a sentence calls the setting; an item goes by the list's name.
fn named(path: &Path) -> String {
    match path.keys() {
        [] => "the Machinefile".to_owned(),
        [.., list, item] if item.bytes().all(|b| b.is_ascii_digit()) => format!("an item of `{list}`"),
        [.., key] => format!("`{key}`"),
    }
}

/// The part of the schema that the failed keyword stands in.
fn rule<'a>(schema: &'a Json, error: &ValidationError<'_>) -> Option<&'a Json> {
    let (rule, _) = error.schema_path().as_str().rsplit_once('/')?;
    schema.pointer(rule)
}

fn unknown_key(config: &Config, rule: Option<&Json>, path: &Path, key: &str) -> Problem {
    let origin = config.nearest_origin(&path.join(key)).clone();
    let known = rule.and_then(|rule| rule["properties"].as_object());
    let known: Vec<_> = known.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    let problem = Problem::new(origin, format!("unknown key `{key}`")).at_key();
    if known.is_empty() {
        return problem;
    }
    let properties = rule.map_or(&Json::Null, |rule| &rule["properties"]);
    match elsewhere(properties, key).filter(|_| note::nearest(key, known.iter().copied()).is_none()) {
        Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
        None => problem.hint(note::suggestion(key, known)),
    }
}

/// What others call our settings.
const WORDS: [(&str, &str); 9] = [
    ("memory", "ram"),
    ("mem", "ram"),
    ("cpu", "cpus"),
    ("cores", "cpus"),
    ("vcpus", "cpus"),
    ("processors", "cpus"),
    ("volumes", "disks"),
    ("network", "nic"),
    ("user-data", "cloud-init"),
];

/// The setting that a key stands for by another name, or a map too high.
fn elsewhere(properties: &Json, key: &str) -> Option<String> {
    let spelt = key.to_lowercase().replace('_', "-");
    let meant = WORDS.iter().find(|(word, _)| *word == spelt).map_or(spelt.as_str(), |(_, meant)| *meant);
    if properties.get(meant).is_some() {
        return Some(meant.to_owned());
    }
    let mut maps = properties.as_object()?.iter();
    maps.find(|(_, rule)| rule["properties"].get(meant).is_some()).map(|(map, _)| format!("{map}.{meant}"))
}

fn wrong_type(config: &Config, path: &Path, name: &str, expected: &TypeKind, found: &Json) -> Problem {
    let expected: Vec<_> = match expected {
        TypeKind::Single(kind) => vec![*kind],
        TypeKind::Multiple(kinds) => kinds.iter().filter(|kind| *kind != JsonType::Null).collect(),
    };
    let words: Vec<_> = expected.iter().map(|kind| word(*kind)).collect();
    let (found_word, origin) = (word_of(found), config.nearest_origin(path).clone());
    let written = origin.source.text.get(origin.span.clone()).unwrap_or_default().to_owned();
    let problem = Problem::new(origin, format!("{name} takes {}, not {found_word}", words.join(" or ")));
    let scalar = found.is_number() || found.is_boolean();
    if scalar && expected.contains(&JsonType::String) && !written.contains(['"', '$']) {
        return problem.hint(format!("quote it to make it text: \"{written}\""));
    }
    if !found.is_array() && expected == [JsonType::Array] {
        return problem.hint(format!("write a list, even of one: [{found}]"));
    }
    problem
}

fn word(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "nothing",
        JsonType::Boolean => "`true` or `false`",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "text",
        JsonType::Array => "a list",
        JsonType::Object => "a map",
    }
}

fn word_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "`true` or `false`",
        Json::Number(number) if number.is_f64() => "a fraction",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

/// A value in a sentence. What a variable holds may be a secret, so such a value is named as it is written.
fn said(config: &Config, path: &Path, value: &Json) -> String {
    let origin = config.nearest_origin(path);
    match origin.source.text.get(origin.span.clone()) {
        Some(written) if written.contains("${") => format!("`{}`", written.trim_matches(['"', '\''])),
        _ => literal(value),
    }
}

/// Cut where it would flood the sentence.
fn literal(value: &Json) -> String {
    let text = crate::value::plain(value);
    let text = cover::without_tokens(&text);
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("`{}…`", &text[..cut]),
        None => format!("`{text}`"),
    }
}
