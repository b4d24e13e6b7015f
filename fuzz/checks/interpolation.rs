//! What holds of any text as a value: it is filled in, or told what is wrong with it; what variables hold is not looked into.

use libmachine::config::{Environment, read};
use libmachine::value::json;

/// Fills it in as it is, with every `$` doubled, and as a default.
pub fn check(text: &str) {
    let set = [("A", "a ${B} $$ }"), ("B", ""), ("N", "7"), ("LONG_name_1", "x")];
    let environment: Environment = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    if let Some(filled) = value(text, &environment) {
        // Every `${` takes at least three bytes and puts in at most eleven.
        assert!(filled.len() <= text.len() * 4);
        if !text.contains('$') {
            assert_eq!(filled, text);
        }
    }
    let escaped = text.replace('$', "$$");
    assert_eq!(value(&escaped, &Environment::new()).as_deref(), Some(text));
    let beside = format!("a {escaped} z");
    assert_eq!(value(&beside, &environment), Some(format!("a {text} z")));
    // A default is taken whole, however many braces there are in it.
    if let Some(filled) = value(&format!("${{B:-{text}}}"), &environment).filter(|_| balanced(text)) {
        assert_eq!(Some(filled), value(text, &environment));
    }
}

/// What a text that is a value comes to, as text. What is wrong with it has to be said.
fn value(text: &str, environment: &Environment) -> Option<String> {
    // YAML takes no bare control characters, although JSON does from DEL on.
    let escape = |c: char| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    let document: String = json!({ "a": text }).to_string().chars().map(escape).collect();
    match read("x.json", document.clone(), environment) {
        Ok(root) => Some(root.child("a").and_then(|node| node.as_text()).expect("a quoted value is text").to_owned()),
        Err(problems) => {
            let told = problems.iter().all(|problem| document.get(problem.origin.span.clone()).is_some());
            assert!(told && !problems.is_empty());
            None
        }
    }
}

/// Whether no brace of the text closes what it did not open.
fn balanced(text: &str) -> bool {
    !text.contains(['{', '}', '$'])
}
