//! A value written as bare text, outside any file: what it means is what the setting takes.

use std::ops::Range;
use std::sync::Arc;

use super::error::Problem;
use super::node::{Node, Scalar, Tree};
use super::shape::Shape;
use super::{cover, scalar, yaml};
use crate::origin::{Origin, Source};

/// The value that the bytes `at` of a source spell for a setting. Where text and something else both fit, a number or
/// flag is what it looks like, and `[`, `{` begin a list or map.
pub(super) fn value(source: &Arc<Source>, at: Range<usize>, shape: &Shape<'_>) -> Result<Node, Vec<Problem>> {
    let text = &source.text[at.clone()];
    let origin = Origin { source: Arc::clone(source), span: at.clone(), key: at.clone() };
    let bracketed = text.trim_start().starts_with(['[', '{']);
    if shape.takes_parts() && (bracketed || !(shape.takes_text() || shape.takes_number_or_flag())) {
        return flow(source, at.clone()).map_err(|problems| covered(problems, source, at, shape));
    }
    if shape.takes_number_or_flag() {
        let typed = scalar::plain(text.trim()).unwrap_or_else(|scalar::LeadingZero| Scalar::Text(text.to_owned()));
        if !matches!(typed, Scalar::Text(_) | Scalar::Null) {
            let otherwise = shape.takes_text().then(|| Scalar::Text(text.to_owned()));
            return Ok(Node { otherwise, ..Node::new(Tree::Scalar(typed), origin) });
        }
    }
    Ok(Node { quoted: true, ..Node::new(Tree::Scalar(Scalar::Text(text.to_owned())), origin) })
}

/// What is wrong with a secret is told without it.
fn covered(mut problems: Vec<Problem>, source: &Arc<Source>, at: Range<usize>, shape: &Shape<'_>) -> Vec<Problem> {
    if shape.is_secret() {
        let text = cover::starred(&source.text, std::iter::once(at.clone()));
        let new = Arc::new(Source { name: source.name.clone(), text });
        for problem in &mut problems {
            cover::hide(problem, source, &new, std::slice::from_ref(&at));
        }
    }
    problems
}

/// YAML in one line, its places moved to where it stands.
fn flow(source: &Arc<Source>, at: Range<usize>) -> Result<Node, Vec<Problem>> {
    let part = Arc::new(Source { name: source.name.clone(), text: source.text[at.clone()].to_owned() });
    let moved = |origin: &mut Origin| {
        let shift = |span: &Range<usize>| span.start + at.start..span.end + at.start;
        *origin = Origin { source: Arc::clone(source), span: shift(&origin.span), key: shift(&origin.key) };
    };
    match yaml::parse(&part) {
        Ok(mut node) => {
            node.walk_mut(&mut |node| moved(&mut node.origin));
            Ok(node)
        }
        Err(mut problems) => {
            for problem in &mut problems {
                moved(&mut problem.origin);
                if let Some(also) = &mut problem.also {
                    moved(&mut also.0);
                }
            }
            Err(problems)
        }
    }
}
