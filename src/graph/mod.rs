//! How resources hang together: unique ids, every parent there, no cycle.

mod build;
mod order;
mod queue;
mod render;

use std::collections::HashMap;
use std::sync::Arc;

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

pub use build::{Error, build};
pub use queue::{Queue, Skipped};
pub use render::{Format, render};

use crate::id::ResourceId;
use crate::resource::{Link, Resource};

/// A resource and whether the Machinefile wants it; one that it does not want is an orphan found in the world.
#[derive(Clone, Debug)]
pub struct Node {
    pub resource: Arc<dyn Resource>,
    pub wanted: bool,
}

/// Resources and their parents. Edges point from parent to child; acyclic once built.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    inner: DiGraph<Node, Link, u32>,
    by_id: HashMap<ResourceId, NodeIndex>,
    /// Parents first; ties by id.
    order: Vec<NodeIndex>,
}

impl Graph {
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    #[must_use]
    pub fn contains(&self, id: &ResourceId) -> bool {
        self.by_id.contains_key(id)
    }

    #[must_use]
    pub fn node(&self, id: &ResourceId) -> Option<&Node> {
        self.by_id.get(id).map(|index| &self.inner[*index])
    }

    /// Position in [`Graph::nodes`].
    #[must_use]
    pub fn position(&self, id: &ResourceId) -> Option<usize> {
        self.by_id.get(id).map(|index| index.index())
    }

    /// Every node, parents before children, ties in the order of ids.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (usize, &Node)> {
        self.order.iter().map(|index| (index.index(), &self.inner[*index]))
    }

    /// The parents that are in the graph, by position.
    pub fn parents(&self, position: usize) -> impl Iterator<Item = (usize, Link)> {
        self.neighbours(position, petgraph::Incoming)
    }

    /// The children, by position.
    pub fn children(&self, position: usize) -> impl Iterator<Item = (usize, Link)> {
        self.neighbours(position, petgraph::Outgoing)
    }

    fn neighbours(&self, position: usize, direction: petgraph::Direction) -> impl Iterator<Item = (usize, Link)> {
        self.inner.edges_directed(NodeIndex::new(position), direction).map(move |edge| {
            let other = if direction == petgraph::Incoming { edge.source() } else { edge.target() };
            (other.index(), *edge.weight())
        })
    }

    /// The node at a position.
    #[must_use]
    pub fn at(&self, position: usize) -> &Node {
        &self.inner[NodeIndex::new(position)]
    }
}
