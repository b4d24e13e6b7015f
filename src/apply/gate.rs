//! Between the batches of a rollout: the machines that were disturbed have to be well before the next ones are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{Event, Tools};
use crate::graph::Graph;
use crate::id::ResourceId;
use crate::plan::{Gate, Plan, is_kept};
use crate::resource::{Failure, Observation, Resource, Work, diff};
use crate::value::{Path, plain};

const PAUSE: Duration = Duration::from_secs(1);

/// One thing that has to be well, and how it may differ from what is asked for.
type Kept = (Arc<dyn Resource>, Vec<Path>);

/// All that is kept on the machines of a gate, parents first.
pub(super) fn kept(gate: &Gate, plan: &Plan, graph: &Graph) -> Vec<Kept> {
    let machines: BTreeSet<_> = gate.machines.iter().map(String::as_str).collect();
    let excused = &plan.rollouts[gate.rollout].excused;
    let nodes = graph.nodes().map(|(_, node)| node).filter(|node| is_kept(node, &machines));
    let kept = nodes.map(|node| &node.resource);
    kept.map(|resource| (Arc::clone(resource), excused.get(resource.id()).cloned().unwrap_or_default())).collect()
}

/// Waits until everything is as it should be: as long as looking at one thing may take. A run that is to stop waits no longer.
pub(super) async fn wait(tools: &Tools, kept: &[Kept]) -> Result<(), (ResourceId, Failure)> {
    let start = Instant::now();
    loop {
        let Some((resource, why)) = first_trouble(tools, kept).await else { return Ok(()) };
        let cx = &tools.context;
        let limit = cx.limits.time(resource.as_ref(), Work::Read);
        if cx.cancel.is_cancelled() {
            return Ok(());
        }
        if start.elapsed() >= limit {
            let machine = resource.machine().unwrap_or_default();
            let failure =
                Failure::new(format!("{machine} is not well {} s after it was changed: {why}", limit.as_secs()));
            let hint = "look at it; `machine up` goes on with the others once it is well";
            return Err((resource.id().clone(), failure.hint(hint)));
        }
        let text = format!("waiting until it is well: {why}");
        tools.events.send(Event::Progress { resource: resource.id().clone(), text });
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = cx.cancel.cancelled() => return Ok(()),
        }
    }
}

/// The first that is not well, and why. What is seen counts for what is seen after it, and for the next steps.
async fn first_trouble<'a>(tools: &Tools, kept: &'a [Kept]) -> Option<(&'a Arc<dyn Resource>, String)> {
    let cx = &tools.context;
    for (resource, excused) in kept {
        let _turn = cx.limits.turn(resource.realm()).await;
        let seen = timeout(cx.limits.time(resource.as_ref(), Work::Read), resource.read(cx)).await;
        let why = match seen {
            Ok(Observation::Present(seen)) => {
                let why = difference(resource.as_ref(), &seen, excused);
                cx.outputs.set(resource.id().clone(), seen);
                why
            }
            Ok(Observation::Absent) if excused.contains(&Path::root()) => None,
            Ok(Observation::Absent) => Some("it is gone".to_owned()),
            Ok(Observation::Unreadable(why)) => Some(why),
            Err(_) => Some("it takes too long to look at it".to_owned()),
        };
        if let Some(why) = why {
            return Some((resource, why));
        }
    }
    None
}

fn difference(resource: &dyn Resource, seen: &crate::value::Attributes, excused: &[Path]) -> Option<String> {
    let is_excused = |path: &Path| excused.iter().any(|excused| path.keys().starts_with(excused.keys()));
    let changes = diff(resource.desired(), seen);
    let change = changes.iter().find(|change| !is_excused(&change.path))?;
    let told = change.before.as_ref().map_or_else(|| "nothing".to_owned(), plain);
    Some(format!("its {} is {told}", change.path))
}
