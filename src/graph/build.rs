//! Resources in, graph out; a missing parent, a twin id and a cycle are reported by name.

use std::collections::HashMap;
use std::sync::Arc;

use petgraph::graph::DiGraph;

use super::{Graph, Node, order};
use crate::id::ResourceId;
use crate::resource::Resource;

/// Why resources do not form a graph.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    #[error("{child} needs {parent}, which nothing provides")]
    MissingParent { child: ResourceId, parent: ResourceId },
    #[error("two resources are called {0}")]
    Twin(ResourceId),
    #[error("these need each other: {}", chain(.0))]
    Cycle(Vec<ResourceId>),
}

fn chain(ids: &[ResourceId]) -> String {
    let mut names: Vec<_> = ids.iter().map(ToString::to_string).collect();
    names.extend(ids.first().map(ToString::to_string));
    names.join(" → ")
}

/// Links `desired` resources and the `orphans` found in the world. A parent that an orphan remembers but that is
/// gone itself is left out; a desired resource's missing parent is an error.
pub fn build(desired: Vec<Arc<dyn Resource>>, orphans: Vec<Arc<dyn Resource>>) -> Result<Graph, Error> {
    let mut nodes: Vec<Node> = desired.into_iter().map(|resource| Node { resource, wanted: true }).collect();
    nodes.extend(orphans.into_iter().map(|resource| Node { resource, wanted: false }));
    nodes.sort_by(|a, b| a.resource.id().cmp(b.resource.id()));

    let mut inner = DiGraph::with_capacity(nodes.len(), nodes.len() * 2);
    let mut by_id = HashMap::with_capacity(nodes.len());
    for node in nodes {
        let id = node.resource.id().clone();
        let index = inner.add_node(node);
        if by_id.insert(id.clone(), index).is_some() {
            return Err(Error::Twin(id));
        }
    }
    for index in inner.node_indices().collect::<Vec<_>>() {
        let node: Node = inner[index].clone();
        for parent in node.resource.parents() {
            match by_id.get(&parent.id) {
                Some(from) => _ = inner.add_edge(*from, index, parent.link),
                None if !node.wanted => {}
                None => {
                    let child = node.resource.id().clone();
                    return Err(Error::MissingParent { child, parent: parent.id.clone() });
                }
            }
        }
    }
    let order = order::parents_first(&inner).map_err(Error::Cycle)?;
    Ok(Graph { inner, by_id, order })
}
