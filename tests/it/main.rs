//! The tests, in reading order: from words to whole runs. One binary.

#![allow(unreachable_pub, reason = "what tests share is public to tests")]

mod support;

mod cloud_init;
mod config;
mod desired;
mod errors;
mod example;
mod fuzzed;
mod hardware;
mod layers;
mod schema;

mod graph;
mod plan;
mod plan_forms;
mod properties;
mod queue;
mod store;
mod store_file;
mod store_tls;

mod compose;
mod docker;
mod host;
mod keyring;
mod qemu;
mod ssh;

mod actions;
mod budgets;
mod canary;
mod consent;
mod converge;
mod crash;
mod documents;
mod drift;
mod homes;
mod interrupt;
mod live;
mod order;
mod plan_runs;
mod program;
mod rollout;
mod saved;
mod schedules;
mod signs;
mod timeouts;
mod troubles;
mod turns;

mod tidy;
