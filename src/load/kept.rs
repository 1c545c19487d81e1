//! The kept-alive arms. Each of a fixed number of places holds at most one connection, driven by the place's own task.
//! Attempts take the place that has been idle longest; if none is idle they wait in line.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::Stamp;
use crate::record::{Arm, Outcome};
use crate::spec::Door;

use super::carry;
use super::dial::dial;
use super::engine::LoadContext;
use super::exchange::HttpConnection;
use super::pending_attempt::{PendingAttempt, lock};

/// The places of one arm at one door, and the attempts that wait for one.
pub(super) struct KeptConnections {
    arm: Arm,
    door: Door,
    state: Mutex<KeptState>,
}

#[derive(Default)]
struct KeptState {
    /// Idle places, the longest idle first.
    idle: VecDeque<usize>,
    /// Attempts without a place, the earliest planned first.
    waiting: VecDeque<PendingAttempt>,
    places: Vec<KeptPlace>,
}

#[derive(Default)]
struct KeptPlace {
    handed: Option<PendingAttempt>,
    waker: Option<Waker>,
}

impl KeptConnections {
    /// `places` places without connections or tasks.
    pub(super) fn new(arm: Arm, door: Door, places: usize) -> Arc<Self> {
        let places = std::iter::repeat_with(KeptPlace::default).take(places).collect();
        Arc::new(Self { arm, door, state: Mutex::new(KeptState { places, ..KeptState::default() }) })
    }

    /// Opens every place's connection, all at once, and starts the places' tasks. One that cannot be opened is dialled by
    /// the first attempt that takes its place.
    pub(super) async fn open(self: &Arc<Self>, shared: &Arc<LoadContext>) {
        let places = lock(&self.state).places.len();
        let dials: Vec<_> = (0..places)
            .map(|_| {
                let (shared, door) = (Arc::clone(shared), self.door);
                tokio::spawn(async move {
                    let mut deadline = Box::pin(sleep_until(shared.open_deadline()));
                    dial(&shared, door, shared.way(door).route.next(), deadline.as_mut()).await.ok()
                })
            })
            .collect();
        for (place, dial) in dials.into_iter().enumerate() {
            let link = dial.await.ok().flatten().map(Box::new);
            lock(&self.state).idle.push_back(place);
            tokio::spawn(Arc::clone(self).serve(Arc::clone(shared), place, link));
        }
    }

    /// Gives an attempt to the longest idle place, or puts it in line.
    pub(super) fn submit(&self, mut flight: PendingAttempt) {
        let mut state = lock(&self.state);
        if let Some(place) = state.idle.pop_front() {
            let place = &mut state.places[place];
            place.handed = Some(flight);
            if let Some(waker) = place.waker.take() {
                waker.wake();
            }
        } else {
            flight.waits();
            state.waiting.push_back(flight);
        }
    }

    /// Ends the attempts that have waited for `timeout_ns`.
    pub(super) fn expire(&self, now: Stamp, timeout_ns: u64) {
        loop {
            let mut state = lock(&self.state);
            let expired = state.waiting.front().is_some_and(|flight| expired(flight, now, timeout_ns));
            let flight = if expired { state.waiting.pop_front() } else { None };
            drop(state);
            match flight {
                Some(flight) => flight.end(Outcome::Deferred, None, String::new()),
                None => return,
            }
        }
    }

    async fn serve(self: Arc<Self>, shared: Arc<LoadContext>, place: usize, mut link: Option<Box<HttpConnection>>) {
        let mut deadline = Box::pin(sleep_until(Instant::from_std(shared.clock.instant(0))));
        loop {
            let flight = self.next(place, &mut link).await;
            link = self.carry(&shared, flight, link, deadline.as_mut()).await;
            self.free(&shared, place);
        }
    }

    /// Waits for an attempt. Meanwhile the connection of `reused` is read, so that a FIN is noticed; that of `blind` is
    /// left alone.
    async fn next(&self, place: usize, link: &mut Option<Box<HttpConnection>>) -> PendingAttempt {
        poll_fn(|cx| {
            if self.arm == Arm::Reused
                && let Some(open) = link
            {
                open.drive(cx);
                if open.connection.is_none() {
                    *link = None;
                }
            }
            let mut state = lock(&self.state);
            let place = &mut state.places[place];
            if let Some(flight) = place.handed.take() {
                return Poll::Ready(flight);
            }
            match &mut place.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
            Poll::Pending
        })
        .await
    }

    /// The place is free: it takes the first attempt in line, or goes to the end of the idle ones.
    fn free(&self, shared: &LoadContext, place: usize) {
        self.expire(shared.clock.now(), shared.timeout_ns);
        let mut state = lock(&self.state);
        match state.waiting.pop_front() {
            Some(flight) => state.places[place].handed = Some(flight),
            None => state.idle.push_back(place),
        }
    }

    async fn carry(
        &self,
        shared: &Arc<LoadContext>,
        mut flight: PendingAttempt,
        link: Option<Box<HttpConnection>>,
        mut deadline: Pin<&mut Sleep>,
    ) -> Option<Box<HttpConnection>> {
        let started = flight.start();
        deadline.as_mut().reset(shared.deadline(started));
        let (mut link, fresh) = match link {
            Some(link) => (link, false),
            None => match dial(shared, self.door, flight.next_address(), deadline.as_mut()).await {
                Ok(link) => (Box::new(link), true),
                Err(error) => {
                    carry::end_dial(flight, &error);
                    return None;
                }
            },
        };
        flight.carried_by(&link, fresh);
        link.dialed.facts.begin(self.arm == Arm::Blind);
        carry::over(&mut link, flight, deadline).await;
        link.settle().await.then_some(link)
    }
}

fn expired(flight: &PendingAttempt, now: Stamp, timeout_ns: u64) -> bool {
    flight.planned().at.saturating_add(timeout_ns) <= now
}
