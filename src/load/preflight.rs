//! One request of each kind before the load, each on a connection of its own: is the target ready, and how long does a
//! request take? Nothing is recorded.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::record::entry::{Attempt, Entry};
use crate::record::{Arm, sink};

use super::carry;
use super::door_ways::DoorRoutes;
use super::engine::{LoadContext, LoadPacing, runtime};
use super::load_collector::LoadCollector;
use super::load_schedule::PlannedAttempt;
use super::pending_attempt::PendingAttempt;
use super::plan::{LoadError, LoadPlan, Route};
use super::url_route;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// From the call of connect to the response's end.
    pub duration: Duration,
    pub attempt: Attempt,
}

/// Sends one request of each kind of `plan`, one after the other, each on a new connection with `Connection: close`. Blocks
/// for at most the plan's timeout for each kind; the results are in the plan's order.
pub fn preflight(plan: &LoadPlan, route: Arc<dyn Route>, clock: Clock) -> Result<Vec<Preflight>, LoadError> {
    plan.check()?;
    let routes = DoorRoutes::new(&plan.spec, route, url_route::resolve)?;
    let plan = LoadPlan { record_all: true, ..plan.clone() };
    let thread = std::thread::Builder::new()
        .name("load-preflight".to_owned())
        .spawn(move || run(plan, routes, clock))
        .map_err(LoadError::system("starting a thread"))?;
    thread.join().map_err(|_| LoadError::Died)?
}

/// A runtime of its own, on a thread of its own: the caller may be inside another one.
fn run(plan: LoadPlan, routes: DoorRoutes, clock: Clock) -> Result<Vec<Preflight>, LoadError> {
    let kinds = plan.spec.requests.len();
    let (sink, source) = sink::channel(kinds);
    let (batches, _) = sync_channel(1);
    let runtime = runtime()?;
    {
        let collector = LoadCollector::new(plan.trial, sink, batches);
        let shared = Arc::new(LoadContext::new(plan, routes, clock, LoadPacing::Rate, collector)?);
        for (id, request) in (0u64..).zip(0u16..).take(kinds) {
            let planned = PlannedAttempt { id, at: clock.now(), request, arm: Arm::New };
            runtime.block_on(carry::on_new(PendingAttempt::new(Arc::clone(&shared), planned)));
        }
    }
    let mut results = Vec::with_capacity(kinds);
    while let Some(entry) = source.recv() {
        if let Entry::Attempt(attempt) = entry {
            let started = attempt.started_ns.unwrap_or(attempt.planned_ns);
            let duration = Duration::from_nanos(attempt.end_ns.saturating_sub(started));
            results.push(Preflight { duration, attempt });
        }
    }
    Ok(results)
}
