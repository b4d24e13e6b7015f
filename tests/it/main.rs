//! The tests, in reading order: from words to whole runs.

#![allow(unreachable_pub, reason = "what tests share is public to tests")]

mod support;

mod converge;
mod graph;
mod live;

mod plan;
mod properties;
mod queue;
mod store;
mod tidy;
