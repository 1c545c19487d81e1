//! One lane for each pod: the states of its container as bars, its endpoint and its listener as thin bars below. An end that is
//! only known to lie between two moments fades out between them.

use maud::{Markup, html};

use super::axes::Axes;
use super::pods::{Edges, Moment, State, Stretch};
use super::scale::{LEFT, RIGHT, place};
use crate::analysis::{ContainerDoc, PodDoc};
use crate::report::one_line;
use crate::timeline::PodEdge;

/// From one lane to the next.
const STEP: f64 = 44.0;
/// The bar of the container.
const BAR: f64 = 15.0;
/// Those of the endpoint and the listener.
const THIN: f64 = 6.0;
/// Letters of a pod's name that fit before its lane.
const NAME: usize = 25;
/// A bar that is wider bears its state's words.
const LETTER: f64 = 6.2;

/// What it looks like when its container ends so: killed, in all likelihood by the kernel or at the end of the grace.
const KILLED: i32 = 128 + 9;

pub(super) fn height(pods: usize) -> f64 {
    super::scale::of_count(pods as u64) * STEP
}

/// The lanes from `top` on, the old pods first.
pub(super) fn draw(pods: &[PodDoc], axes: &Axes, top: f64) -> Markup {
    html! {
        g.lanes role="group" aria-label="the pods' lives; the arrow keys move from one state to the next" {
            @for (at, pod) in pods.iter().enumerate() {
                (lane(pod, axes, top + height(at)))
            }
        }
    }
}

fn lane(pod: &PodDoc, axes: &Axes, top: f64) -> Markup {
    let edges = Edges(pod);
    let [container, endpoint, listener] = edges.stretches();
    let name = one_line(&pod.name);
    html! {
        g.lane {
            text.age x="0" y=(place(top + 11.5)) { (if pod.new { "new" } else { "old" }) }
            text.pod x="30" y=(place(top + 11.5)) { (shortened(&name)) title { (name) } }
            text.part x=(place(LEFT - 8.0)) y=(place(top + BAR + 8.5)) text-anchor="end" { "endpoint" }
            text.part x=(place(LEFT - 8.0)) y=(place(top + BAR + 18.0)) text-anchor="end" { "listener" }
            (bars(&container, axes, top, BAR, &name))
            (bars(&endpoint, axes, top + BAR + 2.5, THIN, &name))
            (bars(&listener, axes, top + BAR + 11.5, THIN, &name))
            (signal(&edges, axes, top, &name))
            (grace_end(&edges, axes, top, &name))
            (others(pod, axes, top, &name))
            (end(pod, &edges, axes, top))
        }
    }
}

/// A name's end tells pods apart.
fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= NAME {
        return name.to_owned();
    }
    let end: String = name.chars().skip(length - NAME + 1).collect();
    format!("…{end}")
}

fn bars(stretches: &[Stretch], axes: &Axes, top: f64, height: f64, pod: &str) -> Markup {
    html! {
        @for stretch in stretches {
            (bar(stretch, axes, top, height, pod))
        }
    }
}

/// A piece of a bar, with its class.
type Piece = (f64, f64, String);

fn bar(stretch: &Stretch, axes: &Axes, top: f64, height: f64, pod: &str) -> Markup {
    let class = stretch.state.class();
    let (pieces, left, right) = pieces(stretch, axes);
    if right <= left {
        return html! {};
    }
    let words = stretch.state.words();
    // Half of a fading end belongs to either side, so that words stand in the middle of what is seen.
    let fits = height > THIN && right - left > LETTER * super::scale::of_count(words.len() as u64) + 8.0;
    html! {
        g.state {
            title { (pod) ": " (words) "; " (stretch.words) }
            @for (x, width, class) in pieces {
                rect class=(class) x=(place(x)) y=(place(top)) width=(place(width)) height=(place(height)) {}
            }
            @if matches!(stretch.state, State::Hook | State::Draining | State::Starting | State::EndpointNotReady) {
                rect class={ "over " (class) } x=(place(left)) y=(place(top)) width=(place(right - left)) height=(place(height)) {}
            }
            @if fits {
                text x=(place(f64::midpoint(left, right))) y=(place(top + 11.0)) text-anchor="middle" { (words) }
            }
        }
    }
}

/// The fading beginning, the sure middle and the fading end of a stretch, and from where to where it surely is.
fn pieces(stretch: &Stretch, axes: &Axes) -> (Vec<Piece>, f64, f64) {
    let class = stretch.state.class();
    let x = |s: f64| axes.time.x(s);
    let (low, sure) = (x(stretch.from.low_s), x(stretch.from.high_s));
    let (sure_end, high_end) = stretch.to.map_or((RIGHT, RIGHT), |Moment { low_s, high_s }| (x(low_s), x(high_s)));
    // What begins before it surely ended: both are unsure, and it is drawn as if at its middle.
    let (sure, sure_end) = if sure <= sure_end {
        (sure, sure_end)
    } else {
        let middle = f64::midpoint(sure, sure_end);
        (middle, middle)
    };
    let all = [
        (low.min(sure), sure, format!("in-{class}")),
        (sure, sure_end, class.to_owned()),
        (sure_end, high_end.max(sure_end), format!("out-{class}")),
    ];
    let seen = all.into_iter().filter(|(from, to, _)| to - from > 0.05);
    let pieces = seen.map(|(from, to, class)| (from, to - from, class)).collect();
    (pieces, f64::midpoint(low.min(sure), sure), f64::midpoint(sure_end, high_end.max(sure_end)))
}

/// The stop signal: a mark above the bar, over the time in which it may have been sent.
fn signal(edges: &Edges<'_>, axes: &Axes, top: f64, pod: &str) -> Markup {
    let Some((moment, words)) = edges.moment(PodEdge::StopSignal).zip(edges.words(PodEdge::StopSignal)) else {
        return html! {};
    };
    if !axes.time.shows(moment.high_s) {
        return html! {};
    }
    let (from, to) = (axes.time.x(moment.low_s), axes.time.x(moment.high_s));
    html! {
        g.signal {
            title { (pod) ": " (words) }
            path d=(format!("M{} {}H{}", place(from), place(top - 3.0), place(to))) {}
            path.tip d=(format!("M{} {}l-4 -6h8z", place(to), place(top - 0.5))) {}
        }
    }
}

/// The end of the grace period, where the pod lived to see it.
fn grace_end(edges: &Edges<'_>, axes: &Axes, top: f64, pod: &str) -> Markup {
    let Some((moment, words)) = edges.moment(PodEdge::GraceEnd).zip(edges.words(PodEdge::GraceEnd)) else {
        return html! {};
    };
    let reached = edges.moment(PodEdge::ContainerFinished).is_none_or(|finished| moment.low_s <= finished.high_s + 0.5);
    if !reached || !axes.time.shows(moment.high_s) {
        return html! {};
    }
    let x = axes.time.x(moment.high_s);
    html! {
        g.grace {
            title { (pod) ": " (words) }
            path d=(format!("M{} {}v{}", place(x), place(top - 4.0), place(BAR + 8.0))) {}
        }
    }
}

/// The ends of the containers that do not serve: a mark on the bar of the one that does.
fn others(pod: &PodDoc, axes: &Axes, top: f64, name: &str) -> Markup {
    html! {
        @for other in pod.other_containers.iter().filter(|other| axes.time.shows(other.to_s)) {
            g.other {
                title { (name) ": " (other_words(other)) }
                path d=(format!("M{} {}H{}", place(axes.time.x(other.from_s)), place(top + BAR / 2.0), place(axes.time.x(other.to_s)))) {}
                path d=(format!("M{} {}v{}", place(axes.time.x(other.to_s)), place(top + 1.0), place(BAR - 2.0))) {}
            }
        }
    }
}

fn other_words(other: &ContainerDoc) -> String {
    let ContainerDoc { name, hook, exit_code, from_s, to_s } = other;
    let code = exit_code.map_or_else(String::new, |code| format!(", exit {code}"));
    format!("container {} ({}) finished between {from_s:+.3} s and {to_s:+.3} s{code}", one_line(name), one_line(hook))
}

/// How the container ended, behind its last bar.
fn end(pod: &PodDoc, edges: &Edges<'_>, axes: &Axes, top: f64) -> Markup {
    let (Some(code), Some(finished)) = (pod.exit_code, edges.moment(PodEdge::ContainerFinished)) else {
        return html! {};
    };
    let last_s = edges.moment(PodEdge::Gone).map_or(finished.high_s, |gone| gone.high_s.max(finished.high_s));
    let words = if code == KILLED { format!("✕ killed, exit {code}") } else { format!("● exit {code}") };
    let x = axes.time.x(last_s);
    let room = RIGHT - x > LETTER * super::scale::of_count(words.chars().count() as u64) + 4.0;
    let (x, anchor) = if room { (x + 5.0, "start") } else { (RIGHT - 2.0, "end") };
    html! {
        text.exit x=(place(x)) y=(place(if room { top + 11.5 } else { top - 3.0 })) text-anchor=(anchor) { (words) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(shortened("web-6d4b7c9f5-abcde"), "web-6d4b7c9f5-abcde");
        assert_eq!(shortened(&format!("{}-6d4b7c9f5-abcde", "a".repeat(40))), "…aaaaaaaa-6d4b7c9f5-abcde");
    }
}
