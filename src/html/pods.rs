//! A pod's life as stretches of time with a state each, for its container, its endpoint and its listener. Nothing is drawn here.

use crate::analysis::{EdgeDoc, PodDoc};
use crate::report::one_line;
use crate::timeline::PodEdge;

/// A state of a pod's container, its endpoint, or its listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// Created, and not ready yet.
    Starting,
    /// Ready, and not to be deleted.
    Ready,
    /// Its preStop hook runs.
    Hook,
    /// It was sent the stop signal, or runs on after its hook.
    Draining,
    /// Its container has ended, its object is still there.
    Ended,
    /// The endpoint is ready.
    EndpointReady,
    /// The endpoint is listed and not ready.
    EndpointNotReady,
    /// The listener accepts connections.
    Open,
    /// The listener refuses, or is silent.
    Closed,
}

impl State {
    /// Every state, in the order of the key.
    pub(super) const ALL: [Self; 9] = [
        Self::Starting,
        Self::Ready,
        Self::Hook,
        Self::Draining,
        Self::Ended,
        Self::EndpointReady,
        Self::EndpointNotReady,
        Self::Open,
        Self::Closed,
    ];

    /// Its class in the style sheet.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Hook => "hook",
            Self::Draining => "draining",
            Self::Ended => "ended",
            Self::EndpointReady => "listed",
            Self::EndpointNotReady => "unready",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// Its words on a bar and in the key.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Hook => "preStop hook",
            Self::Draining => "draining",
            Self::Ended => "ended, not gone",
            Self::EndpointReady => "endpoint ready",
            Self::EndpointNotReady => "endpoint not ready",
            Self::Open => "listener open",
            Self::Closed => "listener closed",
        }
    }
}

/// A moment with its bounds, in seconds after the first mark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    pub(super) low_s: f64,
    pub(super) high_s: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stretch {
    pub(super) state: State,
    pub(super) from: Moment,
    /// `None` if its end is not known to have come.
    pub(super) to: Option<Moment>,
    /// Its edges in words, without what it is of.
    pub(super) words: String,
}

pub(super) struct Edges<'a>(pub(super) &'a PodDoc);

impl<'a> Edges<'a> {
    fn edge(&self, which: PodEdge) -> Option<&'a EdgeDoc> {
        self.0.edges.iter().find(|edge| edge.edge == which)
    }

    /// The first of these that is known.
    fn first(&self, any: &[PodEdge]) -> Option<&'a EdgeDoc> {
        any.iter().find_map(|which| self.edge(*which))
    }

    pub(super) fn moment(&self, which: PodEdge) -> Option<Moment> {
        self.edge(which).map(moment)
    }

    /// An edge with its moment, its bounds and how it is known.
    pub(super) fn words(&self, which: PodEdge) -> Option<String> {
        self.edge(which).map(edge_words)
    }

    pub(super) fn stretches(&self) -> [Vec<Stretch>; 3] {
        [self.container(), self.endpoint(), self.listener()]
    }

    fn stretch(&self, state: State, from: &'a EdgeDoc, until: &[PodEdge]) -> Stretch {
        let to = self.first(until);
        let ends = to.map_or_else(|| "its end was not seen".to_owned(), |to| format!("until: {}", edge_words(to)));
        Stretch { state, from: moment(from), to: to.map(moment), words: format!("from: {}; {ends}", edge_words(from)) }
    }

    fn container(&self) -> Vec<Stretch> {
        let mut found = Vec::new();
        if let Some(created) = self.edge(PodEdge::Created) {
            let until = [PodEdge::Ready, PodEdge::Deletion, PodEdge::ContainerFinished, PodEdge::Gone];
            found.push(self.stretch(State::Starting, created, &until));
        }
        if let Some(ready) = self.edge(PodEdge::Ready) {
            found.push(self.stretch(
                State::Ready,
                ready,
                &[PodEdge::Deletion, PodEdge::ContainerFinished, PodEdge::Gone],
            ));
        }
        let hook = self.edge(PodEdge::HookStart);
        if let Some(start) = hook {
            found.push(self.stretch(
                State::Hook,
                start,
                &[PodEdge::HookEnd, PodEdge::StopSignal, PodEdge::ContainerFinished, PodEdge::Gone],
            ));
        }
        // Without a hook the stop begins with the deletion. A server that ended with its hook was sent no signal and drained no more.
        let ended_with_hook = hook.is_some()
            && self.edge(PodEdge::StopSignal).is_none()
            && self.edge(PodEdge::ContainerFinished).is_some();
        let begins = self
            .first(&[PodEdge::StopSignal, PodEdge::HookEnd])
            .or_else(|| self.edge(PodEdge::Deletion).filter(|_| hook.is_none()));
        if let Some(begins) = begins.filter(|_| !ended_with_hook) {
            found.push(self.stretch(State::Draining, begins, &[PodEdge::ContainerFinished, PodEdge::Gone]));
        }
        if let Some(finished) = self.edge(PodEdge::ContainerFinished) {
            found.push(self.stretch(State::Ended, finished, &[PodEdge::Gone]));
        }
        found
    }

    fn endpoint(&self) -> Vec<Stretch> {
        let mut found = Vec::new();
        let ready = self.edge(PodEdge::EndpointReady);
        found.extend(ready.map(|ready| {
            self.stretch(
                State::EndpointReady,
                ready,
                &[PodEdge::EndpointNotReady, PodEdge::EndpointGone, PodEdge::Gone],
            )
        }));
        if let (Some(not_ready), Some(gone)) = (self.edge(PodEdge::EndpointNotReady), self.edge(PodEdge::EndpointGone))
            && gone.to_s > not_ready.to_s
        {
            found.push(self.stretch(State::EndpointNotReady, not_ready, &[PodEdge::EndpointGone]));
        }
        found
    }

    fn listener(&self) -> Vec<Stretch> {
        let mut found = Vec::new();
        let opened = self.edge(PodEdge::ListenerOpened);
        found.extend(opened.map(|opened| self.stretch(State::Open, opened, &[PodEdge::ListenerClosed, PodEdge::Gone])));
        found.extend(
            self.edge(PodEdge::ListenerClosed).map(|closed| self.stretch(State::Closed, closed, &[PodEdge::Gone])),
        );
        found
    }
}

const fn moment(edge: &EdgeDoc) -> Moment {
    Moment { low_s: edge.from_s, high_s: edge.to_s }
}

/// `ready at +1.200 s at the latest, not before +1.000 s (observed)`.
fn edge_words(edge: &EdgeDoc) -> String {
    let EdgeDoc { edge, from_s, to_s, basis } = edge;
    let name = edge.name();
    if (to_s - from_s).abs() < 0.000_5 {
        return format!("{name} at {to_s:+.3} s ({})", one_line(basis));
    }
    format!("{name} between {from_s:+.3} s and {to_s:+.3} s ({})", one_line(basis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(edges: &[(PodEdge, f64, f64)]) -> PodDoc {
        let edge = |(edge, from_s, to_s): &(PodEdge, f64, f64)| EdgeDoc {
            edge: *edge,
            from_s: *from_s,
            to_s: *to_s,
            basis: "observed".to_owned(),
        };
        PodDoc {
            name: "web-1".to_owned(),
            new: false,
            hook: String::new(),
            exit_code: Some(0),
            edges: edges.iter().map(edge).collect(),
            other_containers: Vec::new(),
        }
    }

    fn seen(pod: &PodDoc) -> [Vec<(State, f64, Option<f64>)>; 3] {
        Edges(pod)
            .stretches()
            .map(|all| all.into_iter().map(|one| (one.state, one.from.high_s, one.to.map(|to| to.high_s))).collect())
    }

    #[test]
    fn a_termination_with_a_hook_reads_as_it_is_told() {
        let pod = pod(&[
            (PodEdge::Created, -60.0, -60.0),
            (PodEdge::Ready, -55.0, -55.0),
            (PodEdge::EndpointReady, -54.0, -54.0),
            (PodEdge::ListenerOpened, -90.0, -3.0),
            (PodEdge::Deletion, 0.8, 1.0),
            (PodEdge::EndpointNotReady, 0.9, 1.1),
            (PodEdge::HookStart, 0.8, 1.1),
            (PodEdge::HookEnd, 3.8, 4.8),
            (PodEdge::StopSignal, 3.8, 5.0),
            (PodEdge::ListenerClosed, 4.0, 4.02),
            (PodEdge::ContainerFinished, 9.0, 10.0),
            (PodEdge::EndpointGone, 10.0, 10.2),
            (PodEdge::Gone, 10.3, 10.5),
        ]);
        let [container, endpoint, listener] = seen(&pod);
        assert_eq!(
            container,
            [
                (State::Starting, -60.0, Some(-55.0)),
                (State::Ready, -55.0, Some(1.0)),
                (State::Hook, 1.1, Some(4.8)),
                (State::Draining, 5.0, Some(10.0)),
                (State::Ended, 10.0, Some(10.5)),
            ]
        );
        assert_eq!(endpoint, [(State::EndpointReady, -54.0, Some(1.1)), (State::EndpointNotReady, 1.1, Some(10.2))]);
        assert_eq!(listener, [(State::Open, -3.0, Some(4.02)), (State::Closed, 4.02, Some(10.5))]);
        let words = &Edges(&pod).stretches()[2][1].words;
        assert!(words.contains("between +4.000 s and +4.020 s (observed)"), "{words}");
    }

    #[test]
    fn a_server_that_ends_inside_its_hook_does_not_drain_after_it() {
        let pod = pod(&[
            (PodEdge::Deletion, 1.0, 1.0),
            (PodEdge::HookStart, 1.0, 1.1),
            (PodEdge::HookEnd, 7.0, 8.0),
            (PodEdge::ContainerFinished, 7.0, 8.0),
        ]);
        let states: Vec<State> = seen(&pod)[0].iter().map(|one| one.0).collect();
        assert_eq!(states, [State::Hook, State::Ended]);
    }

    #[test]
    fn what_was_not_seen_is_not_drawn() {
        assert_eq!(seen(&pod(&[])), [vec![], vec![], vec![]]);
        let new = pod(&[(PodEdge::Created, 1.0, 1.2)]);
        assert_eq!(seen(&new)[0], [(State::Starting, 1.2, None)]);
        let without_hook = pod(&[(PodEdge::Deletion, 1.0, 1.2), (PodEdge::Gone, 2.0, 2.0)]);
        assert_eq!(seen(&without_hook)[0], [(State::Draining, 1.2, Some(2.0))]);
    }
}
