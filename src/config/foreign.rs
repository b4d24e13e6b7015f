//! What a text that was got elsewhere may not say: whoever wrote it is not trusted with this computer.

use super::directive::Directives;
use super::error::Problem;
use super::file::is_address;
use super::layer::Layer;
use super::node::{Node, Scalar, Tree};
use super::selector::{self, Selector};
use super::shape::Shape;
use crate::value::{Path, Value};

const OURS: &str = "write it in the project's own file, or in the computer's or the user's";
const WHOSE: &str = "a project's name and id are whose everything is: its own files, variables and flags give them";
const HERE: &str =
    "where records are kept and what providers do on this computer, only the files, variables and flags here say";

/// What only the files, variables and flags of this computer say.
const FORBIDDEN: [(&str, &str); 7] = [
    ("name", "a project's name is whose everything is: only its own files, variables and flags give it"),
    ("id", "a project's id is whose everything is: only its own files, variables and flags give it"),
    ("include", "a text that was got elsewhere names no files here"),
    ("profiles", "profiles are chosen for files: write the settings themselves"),
    ("store", "where records and secrets are kept is not for others to say"),
    ("contexts", "which Docker contexts this computer has is not for others to say"),
    ("providers", "a provider is of this computer: the programs it runs, the engine it asks, the account it uses"),
];

/// What nothing from elsewhere takes away.
const KEPT: [&str; 4] = ["name", "id", "store", "providers"];

/// Of a machine, beside the paths of files: what is lent to it or made of it here.
const LENT: [(&str, &str); 2] = [
    ("ssh.agent", "the keys of this computer's SSH agent are not lent to others"),
    ("image.mirror", "packages are unpacked on this computer, so where they come from is not for others to say"),
];

/// Of a compose project: what of this computer it is, and who gets it. Without files it would be those beside the
/// Machinefile, with their `.env`.
const SHIPPED: [&str; 5] = ["on", "files", "directory", "env-files", "images"];
const WHO_GETS: &str = "a compose project is files of this computer: which they are, and which machines get them, is not for others to say";

/// Takes out of the settings what only the project itself says.
pub(super) fn forbidden(root: &mut Node, problems: &mut Vec<Problem>) {
    let Tree::Map(entries) = &mut root.tree else { return };
    for (key, why) in FORBIDDEN {
        if let Some(node) = entries.remove(key).filter(|node| !node.is_null()) {
            problems.push(Problem::new(node.origin, format!("`{key}` cannot be set here")).at_key().hint(why));
        }
    }
}

/// What it may not ask to be dropped.
pub(super) fn directives(directives: &Directives, problems: &mut Vec<Problem>) {
    let ships = |selector: &Selector| match selector.keys()[..] {
        [compose, _, key, ..] => {
            compose.is_none_or(|key| key == "compose") && key.is_none_or(|key| SHIPPED.contains(&key))
        }
        _ => false,
    };
    let touches =
        |selector: &Selector| selector.first().is_empty() || KEPT.contains(&selector.first()) || ships(selector);
    let hint = |selector: &Selector| match selector.first() {
        "store" | "providers" => HERE,
        "compose" => WHO_GETS,
        _ => WHOSE,
    };
    for (selector, origin) in directives.excluded().iter().filter(|(selector, _)| touches(selector)) {
        let message = format!("`{selector}` cannot be excluded here");
        problems.push(Problem::new(origin.clone(), message).hint(hint(selector)));
    }
    for (selector, origin) in directives.replaced().iter().filter(|(selector, _)| touches(selector)) {
        let message = format!("`{selector}` cannot be overridden here");
        problems.push(Problem::new(origin.clone(), message).hint(hint(selector)));
    }
    let own = |layer: Layer| matches!(layer, Layer::Project | Layer::Environment | Layer::CommandLine);
    for (layer, origin) in directives.layers().iter().filter(|(layer, _)| own(*layer)) {
        let message = format!("layer `{layer}` cannot be excluded here");
        problems.push(Problem::new(origin.clone(), message).hint(WHOSE));
    }
}

/// The keys of a text of a layer that is dropped from elsewhere: all but what is this computer's own.
pub(super) fn droppable(root: &Node) -> Vec<Path> {
    let Tree::Map(entries) = &root.tree else { return Vec::new() };
    entries.keys().filter(|key| !KEPT.contains(&key.as_str())).map(|key| Path::root().join(key)).collect()
}

/// Values that would reach into this computer: its secrets, its files, its agent.
pub(super) fn values(root: &Node, schema: &Value, problems: &mut Vec<Problem>) {
    look(root, &mut Path::root(), &Shape::root(schema), problems);
}

fn look(node: &Node, at: &mut Path, shape: &Shape<'_>, problems: &mut Vec<Problem>) {
    let mut refuse = |message: String, hint: &str| {
        problems.push(Problem::new(node.origin.clone(), message).hint(hint));
    };
    if let Some((key, why)) =
        lent(at).filter(|_| !matches!(node.tree, Tree::Scalar(Scalar::Null | Scalar::Flag(false))))
    {
        return refuse(format!("`{key}` cannot be set here"), why);
    }
    match &node.tree {
        Tree::Map(_) if shape.is_secret() => {
            refuse("a text that was got elsewhere cannot name secrets of this computer".to_owned(), OURS);
        }
        Tree::Scalar(Scalar::Text(text)) if (shape.is_path() && is_here(text)) || is_image_here(at, text) => {
            refuse(format!("a text that was got elsewhere cannot name files of this computer: `{}`", shown(at)), OURS);
        }
        Tree::Map(map) => {
            for (key, node) in map {
                at.push(key);
                look(node, at, &shape.child(key), problems);
                at.pop();
            }
        }
        Tree::List(items) => {
            for (index, node) in items.iter().enumerate() {
                at.push(index);
                look(node, at, &shape.child("0"), problems);
                at.pop();
            }
        }
        Tree::Scalar(_) => {}
    }
}

/// Whether a text where a file's path may stand is one: not the content itself, and no address in the network.
fn is_here(text: &str) -> bool {
    let content = text.starts_with('#') || text.contains('\n');
    !content && !text.is_empty() && (!is_address(text) || text.starts_with("file:"))
}

/// An image's address is no path, and may still lead to a file.
fn is_image_here(at: &Path, text: &str) -> bool {
    text.starts_with("file:") && at.keys().ends_with(&["image".to_owned(), "url".to_owned()])
}

fn lent(at: &Path) -> Option<(&'static str, &'static str)> {
    if let [compose, _, key] = at.keys()
        && compose == "compose"
    {
        return SHIPPED.into_iter().find(|shipped| shipped == key).map(|key| (key, WHO_GETS));
    }
    let below = match at.keys() {
        [defaults, rest @ ..] if defaults == "defaults" => rest,
        [machines, _, rest @ ..] if machines == "machines" => rest,
        _ => return None,
    };
    LENT.into_iter().find(|(key, _)| Path::parse(key).keys() == below)
}

fn shown(at: &Path) -> String {
    selector::written(at)
}
