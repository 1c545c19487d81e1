//! The thread that carries the load: it paces, plans, hands out and drains.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::{Clock, Stamp, saturating_ns};
use crate::record::Sink;
use crate::spec::Door;

use super::arms::ArmCarriers;
use super::carry::PreparedRequest;
use super::descriptor_limit;
use super::door_ways::{DoorRoutes, DoorWay, DoorWays};
use super::encode;
use super::load_collector::LoadCollector;
use super::load_schedule::{LoadSchedule, PlannedAttempt};
use super::load_summary::{LagSummary, LoadCounters, LoadSummary};
use super::pending_attempt::lock;
use super::plan::{LoadError, LoadPlan, Route};
use super::timer::KernelTimer;
use super::url_route;

/// Time between the opening of the connections and the first planned attempt.
const MARGIN_NS: u64 = 20_000_000;

/// Above [`FLOOR_RATE`] two wake-ups are at least this far apart, so that several attempts are sent at once: half the cost
/// for a quarter of a millisecond.
const FLOOR_NS: u64 = 250_000;

const FLOOR_RATE: f64 = 4_000.0;

/// How often a load that plans no more looks whether everything has ended.
const DRAIN_NS: u64 = 1_000_000;

const NEAR_DEADLINE: Duration = Duration::from_millis(100);

/// The longest that opening the kept-alive connections may take, all together.
const OPEN_TIMEOUT_NS: u64 = 3_000_000_000;

/// The longest sleep: how soon a stop, an abort or an expiry is noticed.
const MAX_SLEEP_NS: u64 = 20_000_000;

/// What the tasks of a load share.
pub(super) struct LoadContext {
    pub(super) plan: LoadPlan,
    pub(super) prepared: Vec<PreparedRequest>,
    pub(super) clock: Clock,
    pub(super) timeout_ns: u64,
    pub(super) collector: Mutex<LoadCollector>,
    pub(super) pacing: LoadPacing,
    ways: DoorWays,
    connections: AtomicU64,
}

/// What decides when attempts are sent.
pub(super) enum LoadPacing {
    Rate,
    /// The end of an earlier one, which is told here.
    Ends(Notify),
}

impl LoadContext {
    pub(super) fn new(
        plan: LoadPlan,
        routes: DoorRoutes,
        clock: Clock,
        pacing: LoadPacing,
        collector: LoadCollector,
    ) -> Result<Self, LoadError> {
        Ok(Self {
            ways: DoorWays::new(&plan.spec, routes)?,
            prepared: plan.spec.requests.iter().map(PreparedRequest::new).collect(),
            timeout_ns: saturating_ns(plan.spec.timeout),
            plan,
            clock,
            collector: Mutex::new(collector),
            pacing,
            connections: AtomicU64::new(0),
        })
    }

    /// The door of an attempt.
    pub(super) fn door(&self, planned: PlannedAttempt) -> Door {
        self.plan.spec.door(planned.request)
    }

    pub(super) fn way(&self, door: Door) -> &DoorWay {
        self.ways.at(door)
    }

    pub(super) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Relaxed)
    }

    /// When the opening of connections that starts now is given up.
    pub(super) fn open_deadline(&self) -> Instant {
        let timeout_ns = self.timeout_ns.min(OPEN_TIMEOUT_NS);
        self.after(Duration::from_nanos(timeout_ns))
    }

    /// So much time from now.
    pub(super) fn after(&self, time: Duration) -> Instant {
        Instant::from_std(self.clock.instant(self.clock.now().saturating_add(saturating_ns(time))))
    }

    /// When a request that starts at `started` times out.
    pub(super) fn deadline(&self, started: Stamp) -> Instant {
        Instant::from_std(self.clock.instant(started.saturating_add(self.timeout_ns)))
    }
}

#[derive(Default)]
struct LoadControl {
    stop: AtomicBool,
    abort: AtomicBool,
    live: LoadCounters,
}

/// A load under way. Dropped without [`Self::wait`], it is aborted.
pub struct RunningLoad {
    control: Arc<LoadControl>,
    threads: Option<LoadThreads>,
}

struct LoadThreads {
    load: JoinHandle<Result<LoadSummary, LoadError>>,
    encoder: JoinHandle<LagSummary>,
}

/// Starts the load of `plan` on a thread of its own, connections to the Service going where `route` says, stamps taken from `clock`, and
/// everything recorded through `sink`. Returns once the kept-alive connections were opened (or could not be) and the
/// first attempt is about to be sent; at most the plan's timeout, and at most three seconds.
pub fn start(plan: LoadPlan, route: Arc<dyn Route>, clock: Clock, sink: Sink) -> Result<RunningLoad, LoadError> {
    start_paced(plan, route, clock, sink, LoadPacing::Rate)
}

/// As [`start`], but a closed loop: the plan's rate is not kept, `max_in_flight` attempts are in flight at any time, and
/// each that ends is followed by the next. Only for measuring what an attempt costs next to clients that are closed loops;
/// such a load slows down with its target and must not judge one.
pub fn saturate(plan: LoadPlan, route: Arc<dyn Route>, clock: Clock, sink: Sink) -> Result<RunningLoad, LoadError> {
    start_paced(plan, route, clock, sink, LoadPacing::Ends(Notify::new()))
}

fn start_paced(
    mut plan: LoadPlan,
    route: Arc<dyn Route>,
    clock: Clock,
    sink: Sink,
    pacing: LoadPacing,
) -> Result<RunningLoad, LoadError> {
    plan.check()?;
    let limit = descriptor_limit::raise_descriptors()?;
    plan.max_in_flight = descriptor_limit::in_flight_cap(&plan, limit)?;
    let routes = DoorRoutes::new(&plan.spec, route, url_route::open)?;
    let control = Arc::new(LoadControl::default());
    let (batches, waiting) = sync_channel(encode::WAITING_BATCHES);
    let encoder_sink = sink.clone();
    let encoder = Builder::new()
        .name("load-encode".to_owned())
        .spawn(move || encode::run(&waiting, &encoder_sink))
        .map_err(LoadError::system("starting a thread"))?;
    let (started, has_started) = sync_channel(1);
    let for_thread = Arc::clone(&control);
    let load = Builder::new()
        .name("load".to_owned())
        .spawn(move || {
            let collector = LoadCollector::new(plan.trial, sink, batches);
            let shared = LoadContext::new(plan, routes, clock, pacing, collector)?;
            run(&Arc::new(shared), &for_thread, &started)
        })
        .map_err(LoadError::system("starting a thread"))?;
    if has_started.recv().is_err() {
        // The thread ended before it could start: its result says why.
        let result = load.join().map_err(|_| LoadError::Died)?;
        return Err(result.err().unwrap_or(LoadError::Died));
    }
    Ok(RunningLoad { control, threads: Some(LoadThreads { load, encoder }) })
}

impl RunningLoad {
    /// Plans no further attempts. What is in flight goes on to its end.
    pub fn stop(&self) {
        self.control.stop.store(true, Relaxed);
    }

    /// Ends at once: what is in flight becomes `in-flight-at-end`.
    pub fn abort(&self) {
        self.control.abort.store(true, Relaxed);
    }

    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.threads.as_ref().is_none_or(|threads| threads.load.is_finished())
    }

    /// Counters for a progress line.
    #[must_use]
    pub fn live(&self) -> &LoadCounters {
        &self.control.live
    }

    /// Waits for the load's end, after [`Self::stop`] or [`Self::abort`], and until everything is recorded.
    pub fn wait(mut self) -> Result<LoadSummary, LoadError> {
        let threads = self.threads.take().ok_or(LoadError::Died)?;
        let mut summary = threads.load.join().map_err(|_| LoadError::Died)??;
        let lag_us = threads.encoder.join().map_err(|_| LoadError::Died)?;
        // The thread knows the largest lag even of slices that it had to encode itself.
        summary.lag_us = LagSummary { max: lag_us.max.max(summary.lag_us.max), ..lag_us };
        Ok(summary)
    }
}

impl Drop for RunningLoad {
    fn drop(&mut self) {
        if self.threads.is_some() {
            self.abort();
        }
    }
}

fn run(shared: &Arc<LoadContext>, control: &LoadControl, started: &SyncSender<()>) -> Result<LoadSummary, LoadError> {
    let runtime = runtime()?;
    let arms = ArmCarriers::new(shared, &runtime)?;
    let ended = runtime.block_on(async {
        tokio::spawn(near_deadline());
        let timer = KernelTimer::new().map_err(LoadError::system("making the load's timer"))?;
        for kept in arms.kept() {
            kept.open(shared).await;
        }
        let schedule = LoadSchedule::new(&shared.plan, shared.clock.now() + MARGIN_NS);
        // Nobody waits any more only if the caller is gone; the load then runs until its end is asked for.
        let _ = started.send(());
        pace(shared, control, &arms, schedule, &timer).await.map_err(LoadError::system("setting the load's timer"))
    });
    // Whatever is still in flight records its end as it is dropped with its task or with its place in line.
    drop(runtime);
    drop(arms);
    ended?;
    let mut collector = lock(&shared.collector);
    collector.flush_all();
    publish(&collector, &control.live);
    let lag_us = LagSummary { max: collector.lag_max_ns / 1_000, ..LagSummary::default() };
    Ok(LoadSummary { arms: collector.arms.clone(), lag_us, gap_max_ns: collector.gap_max_ns })
}

/// A runtime on the present thread.
pub(super) fn runtime() -> Result<Runtime, LoadError> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(LoadError::system("starting the load's runtime"))
}

/// Starting a load, waiting for its end and the preflight block their caller; from inside a runtime they go here, to a thread that
/// may block. A panic goes on here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Always has a deadline that is nearer than any attempt's. The runtime wakes itself through a descriptor whenever a new
/// deadline is its nearest, which otherwise is each attempt's as soon as no other is in flight: two system calls each.
async fn near_deadline() {
    loop {
        tokio::time::sleep(NEAR_DEADLINE).await;
    }
}

/// Plans and hands out attempts until the stop, then waits for those in flight.
async fn pace(
    shared: &Arc<LoadContext>,
    control: &LoadControl,
    arms: &ArmCarriers,
    mut schedule: LoadSchedule,
    timer: &KernelTimer,
) -> std::io::Result<()> {
    let floor_ns = if shared.plan.spec.rate > FLOOR_RATE { FLOOR_NS } else { 0 };
    loop {
        let stopping = control.stop.load(Relaxed);
        let now = shared.clock.now();
        if !stopping {
            hand_out_due(shared, arms, &mut schedule, now);
        }
        for kept in arms.kept() {
            kept.expire(now, shared.timeout_ns);
        }
        let in_flight = {
            let mut collector = lock(&shared.collector);
            collector.woke(now);
            collector.flush(now);
            publish(&collector, &control.live);
            collector.in_flight()
        };
        if control.abort.load(Relaxed) || (stopping && in_flight == 0) {
            return Ok(());
        }
        let until_next = || {
            let now = shared.clock.now();
            let sleep_ns = schedule.next_at().saturating_sub(now).clamp(floor_ns, MAX_SLEEP_NS);
            lock(&shared.collector).sleeps_until(now.saturating_add(sleep_ns));
            sleep_ns
        };
        match &shared.pacing {
            _ if stopping => timer.wait(Duration::from_nanos(DRAIN_NS)).await?,
            LoadPacing::Rate => timer.wait(Duration::from_nanos(until_next())).await?,
            LoadPacing::Ends(ended) => {
                // An expiry only means that a stop may have been asked for.
                let _ = tokio::time::timeout(Duration::from_nanos(MAX_SLEEP_NS), ended.notified()).await;
            }
        }
    }
}

/// Hands out every attempt that is due at `now`.
fn hand_out_due(shared: &Arc<LoadContext>, arms: &ArmCarriers, schedule: &mut LoadSchedule, now: Stamp) {
    match shared.pacing {
        LoadPacing::Rate => {
            while schedule.next_at() <= now {
                arms.hand_out(shared, schedule.take());
            }
        }
        LoadPacing::Ends(_) => {
            let in_flight = lock(&shared.collector).in_flight();
            for _ in in_flight..shared.plan.max_in_flight as u64 {
                arms.hand_out(shared, PlannedAttempt { at: now, ..schedule.take() });
            }
        }
    }
}

fn publish(collector: &LoadCollector, live: &LoadCounters) {
    live.planned.store(collector.planned, Relaxed);
    live.ended.store(collector.ended, Relaxed);
    live.lost.store(collector.lost, Relaxed);
}
