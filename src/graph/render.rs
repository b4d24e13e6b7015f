//! The graph for people and programs: tree, dot, mermaid, json.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::Graph;
use crate::resource::Link;
use crate::value::json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Tree,
    Dot,
    Mermaid,
    Json,
}

/// Ends with a line break.
#[must_use]
pub fn render(graph: &Graph, format: Format) -> String {
    match format {
        Format::Tree => tree(graph),
        Format::Dot => dot(graph),
        Format::Mermaid => mermaid(graph),
        Format::Json => json_text(graph),
    }
}

/// Roots at the left margin. What hangs on several parents is drawn under the first and named, with `…`, under the others.
fn tree(graph: &Graph) -> String {
    let mut text = String::new();
    let mut drawn = HashSet::new();
    for (position, _) in graph.nodes() {
        if graph.parents(position).next().is_none() {
            branch(graph, position, "", "", &mut drawn, &mut text);
        }
    }
    text
}

fn branch(graph: &Graph, at: usize, stem: &str, below: &str, drawn: &mut HashSet<usize>, text: &mut String) {
    let first = drawn.insert(at);
    let mut children: Vec<_> = graph.children(at).map(|(child, _)| child).collect();
    children.sort_unstable();
    let more = if first || children.is_empty() { "" } else { " …" };
    _ = writeln!(text, "{stem}{}{more}", graph.at(at).resource.id());
    if !first {
        return;
    }
    for (i, child) in children.iter().enumerate() {
        let (elbow, bar) = if i + 1 == children.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        branch(graph, *child, &format!("{below}{elbow}"), &format!("{below}{bar}"), drawn, text);
    }
}

fn dot(graph: &Graph) -> String {
    let mut text = String::from("digraph machine {\n  rankdir=LR;\n  node [shape=box];\n");
    for (_, node) in graph.nodes() {
        _ = writeln!(text, "  \"{}\";", node.resource.id());
    }
    for (position, node) in graph.nodes() {
        for (parent, link) in sorted_parents(graph, position) {
            let style = if link == Link::After { " [style=dashed]" } else { "" };
            _ = writeln!(text, "  \"{}\" -> \"{}\"{style};", graph.at(parent).resource.id(), node.resource.id());
        }
    }
    text.push_str("}\n");
    text
}

fn mermaid(graph: &Graph) -> String {
    let mut text = String::from("flowchart LR\n");
    for (position, node) in graph.nodes() {
        _ = writeln!(text, "  n{position}[\"{}\"]", node.resource.id());
    }
    for (position, _) in graph.nodes() {
        for (parent, link) in sorted_parents(graph, position) {
            let arrow = if link == Link::After { "-.->" } else { "-->" };
            _ = writeln!(text, "  n{parent} {arrow} n{position}");
        }
    }
    text
}

fn json_text(graph: &Graph) -> String {
    let resources: Vec<_> = graph
        .nodes()
        .map(|(position, node)| {
            let parents: Vec<_> = sorted_parents(graph, position)
                .into_iter()
                .map(|(parent, link)| json!({"id": graph.at(parent).resource.id().as_str(), "link": link.as_str()}))
                .collect();
            json!({"id": node.resource.id().as_str(), "parents": parents})
        })
        .collect();
    let document = json!({"format": 1, "resources": resources});
    format!("{}\n", serde_json::to_string_pretty(&document).expect("a tree of strings"))
}

fn sorted_parents(graph: &Graph, position: usize) -> Vec<(usize, Link)> {
    let mut parents: Vec<_> = graph.parents(position).collect();
    parents.sort_unstable();
    parents
}
