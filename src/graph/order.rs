//! A topological order with stable ties, in time linear in nodes and edges.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use petgraph::Incoming;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::Node;
use crate::id::ResourceId;
use crate::resource::Link;

/// Parents before children; among the ready ones the smallest id first (nodes were added in the order of ids).
/// The error is one cycle's members.
pub(super) fn parents_first(graph: &DiGraph<Node, Link, u32>) -> Result<Vec<NodeIndex>, Vec<ResourceId>> {
    let mut waiting: Vec<usize> =
        graph.node_indices().map(|index| graph.edges_directed(index, Incoming).count()).collect();
    let mut ready: BinaryHeap<Reverse<NodeIndex>> =
        graph.node_indices().filter(|index| waiting[index.index()] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for child in graph.neighbors(index) {
            waiting[child.index()] -= 1;
            if waiting[child.index()] == 0 {
                ready.push(Reverse(child));
            }
        }
    }
    if order.len() == graph.node_count() { Ok(order) } else { Err(cycle(graph)) }
}

fn cycle(graph: &DiGraph<Node, Link, u32>) -> Vec<ResourceId> {
    let component = tarjan_scc(graph)
        .into_iter()
        .find(|members| members.len() > 1 || graph.contains_edge(members[0], members[0]))
        .unwrap_or_default();
    let mut ids: Vec<_> = component.iter().map(|index| graph[*index].resource.id().clone()).collect();
    ids.sort();
    ids
}
