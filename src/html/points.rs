//! Failed attempts as points, and what the script tells of each.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::axes::Axes;
use super::data::Words;
use super::scale::{Band, between, place};
use super::shot::{Point, Shot};
use crate::analysis::{asked, errno_name, stage_words};
use crate::spec::VariantSpec;

/// The points of a drawing: each leads to its incident, if the page has it.
pub(super) fn draw(shot: &Shot<'_>, axes: &Axes, band: Band, listed: &[u32]) -> Markup {
    let origin_ns = shot.origin_ns();
    html! {
        g.points role="group" aria-label="failed attempts; the arrow keys move from one to the next, Enter goes to its incident" {
            @for point in &shot.points {
                @let class = format!("k{}{}", point.kind.number(), if point.judged { "" } else { " aside" });
                @let link = point.incident.map(|id| link(id, listed));
                a class=(class) href=[link] {
                    use href={ "#s" (point.kind.number()) }
                        x=(place(axes.time.x(between(origin_ns, point.attempt.end_ns, 1e9))))
                        y=(place(band.y(axes.latency.share(latency_us(point))))) {}
                }
            }
        }
    }
}

fn link(id: u32, listed: &[u32]) -> String {
    if listed.binary_search(&id).is_ok() { format!("#incident-{id}") } else { "#incidents".to_owned() }
}

/// From its planned time to its end, in microseconds.
fn latency_us(point: &Point<'_>) -> f64 {
    between(point.attempt.planned_ns, point.attempt.end_ns, 1e3)
}

/// The points in the order in which they are drawn, each a row of figures and numbers of words: the attempt's number, when it was
/// planned (seconds after the first mark), its other moments (milliseconds after that), bytes out and in, the status, then the words
/// for arm, request, outcome, stage, error, pod and cause, the incident and whether the arm is judged.
pub(super) fn data(shot: &Shot<'_>, variant: &VariantSpec) -> Value {
    let mut words = Words::default();
    let rows: Vec<Value> = shot.points.iter().map(|point| row(point, shot.origin_ns(), variant, &mut words)).collect();
    json!({"trial": shot.doc.trial, "words": words.into_words(), "points": rows})
}

fn row(point: &Point<'_>, origin_ns: u64, variant: &VariantSpec, words: &mut Words) -> Value {
    let attempt = point.attempt;
    let ms = |at_ns: u64| rounded(between(attempt.planned_ns, at_ns, 1e6));
    let request = variant.load.requests.get(usize::from(attempt.request));
    let asked = request.map_or_else(|| "a request".to_owned(), |kind| asked(&variant.load, kind));
    let error = attempt.errno.map(errno_name).or_else(|| Some(attempt.error.clone()).filter(|error| !error.is_empty()));
    let mut number = |text: &str| words.number(text);
    json!([
        attempt.id,
        rounded(between(origin_ns, attempt.planned_ns, 1e9)),
        attempt.started_ns.map(ms),
        attempt.connected_ns.map(ms),
        attempt.sent_ns.map(ms),
        attempt.first_byte_ns.map(ms),
        ms(attempt.end_ns),
        attempt.bytes_out,
        attempt.bytes_in,
        attempt.status,
        number(attempt.arm.name()),
        number(&asked),
        number(attempt.outcome.name()),
        attempt.stage.map(|stage| number(stage_words(stage))),
        error.map(|error| number(&error)),
        attempt.pod.as_ref().map(|pod| number(pod)),
        number(point.kind.name()),
        point.incident,
        u8::from(point.judged),
    ])
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
