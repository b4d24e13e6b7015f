//! The scheduler's pure half.

use libmachine::graph::{Queue, Skipped};

#[test]
fn a_vertex_waits_for_all_it_needs() {
    let mut queue = Queue::new(3);
    queue.need(0, 2);
    queue.need(1, 2);
    queue.start();
    assert_eq!(queue.take(), Some(0));
    assert_eq!(queue.take(), Some(1));
    assert_eq!(queue.take(), None);
    queue.finish(0);
    assert_eq!(queue.take(), None);
    queue.finish(1);
    assert_eq!(queue.take(), Some(2));
    queue.finish(2);
    assert!(queue.is_done());
}

#[test]
fn a_failure_skips_its_descendants_and_names_itself_as_the_reason() {
    let mut queue = Queue::new(4);
    queue.need(0, 1);
    queue.need(1, 2);
    queue.start();
    assert_eq!(queue.take(), Some(0));
    queue.fail(0);
    assert_eq!(queue.take_skipped(), [Skipped { vertex: 1, because: 0 }, Skipped { vertex: 2, because: 0 }],);
    assert_eq!(queue.take(), Some(3), "the unrelated one goes on");
    queue.finish(3);
    assert!(queue.is_done());
}

#[test]
fn what_only_follows_a_failure_still_runs() {
    let mut queue = Queue::new(2);
    queue.order(0, 1);
    queue.start();
    assert_eq!(queue.take(), Some(0));
    queue.fail(0);
    assert_eq!(queue.take(), Some(1));
    assert!(queue.take_skipped().is_empty());
}

#[test]
fn a_chain_of_a_hundred_thousand_ends_without_recursion() {
    const N: usize = 100_000;
    let mut queue = Queue::new(N);
    for vertex in 1..N {
        queue.need(vertex - 1, vertex);
    }
    queue.start();
    let first = queue.take().expect("the head of the chain");
    queue.fail(first);
    assert_eq!(queue.take_skipped().len(), N - 1);
    assert!(queue.is_done());
}
