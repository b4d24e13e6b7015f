//! What holds of every text that is read, whatever it is written in.

use libmachine::config::node::{Node, Scalar, Tree};
use libmachine::config::{Environment, Problem, read};
use libmachine::origin::Origin;
use libmachine::value::Value;

/// Reads a text, looks at its places, writes it down by `written` and reads it again.
pub fn check(name: &str, text: &str, written: impl Fn(&Value) -> Option<String>) {
    let root = match read(name, text.to_owned(), &Environment::new()) {
        Ok(root) => root,
        Err(problems) => {
            assert!(!problems.is_empty());
            return problems.iter().for_each(|problem| is_told(problem, text));
        }
    };
    root.walk(&mut |node| stands_in(&node.origin, text));
    // A text that says nothing may be written down as an empty one.
    let Some(settings) = json(&root).filter(|value| value.as_object().is_some_and(|map| !map.is_empty())) else {
        return;
    };
    let Some(again) = written(&kept(&settings)) else { return };
    let again = read(name, again, &Environment::new());
    let again = again.unwrap_or_else(|problems| panic!("{settings} is not read again: {problems:?}"));
    let again = json(&again).expect("every number is finite, as it was");
    assert_eq!(again, settings);
}

/// With no `$` in a value that would be filled in. Keys are taken as they are.
fn kept(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(text.replace('$', "$$")),
        Value::Array(items) => items.iter().map(kept).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), kept(value))).collect(),
        other => other.clone(),
    }
}

/// Every place is a part of the text.
fn stands_in(origin: &Origin, text: &str) {
    assert!(text.get(origin.span.clone()).is_some(), "{:?}", origin.span);
    assert!(text.get(origin.key.clone()).is_some(), "{:?}", origin.key);
    _ = origin.line_column();
}

fn is_told(problem: &Problem, text: &str) {
    assert!(!problem.message.is_empty());
    stands_in(&problem.origin, text);
    problem.also.iter().for_each(|also| stands_in(&also.0, text));
}

/// As JSON; `None` where a number is none that JSON has, or a tag says more than the value.
fn json(node: &Node) -> Option<Value> {
    if node.tag.is_some() {
        return None;
    }
    Some(match &node.tree {
        Tree::Map(map) => {
            Value::Object(map.iter().map(|(key, node)| Some((key.clone(), json(node)?))).collect::<Option<_>>()?)
        }
        Tree::List(items) => Value::Array(items.iter().map(json).collect::<Option<_>>()?),
        Tree::Scalar(Scalar::Null) => Value::Null,
        Tree::Scalar(Scalar::Flag(flag)) => Value::from(*flag),
        Tree::Scalar(Scalar::Signed(number)) => Value::from(*number),
        Tree::Scalar(Scalar::Unsigned(number)) => Value::from(*number),
        Tree::Scalar(Scalar::Float(number)) => Value::from(Some(*number).filter(|number| number.is_finite())?),
        Tree::Scalar(Scalar::Text(text)) => Value::from(text.as_str()),
    })
}
