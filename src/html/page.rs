//! The page as a whole, and the policy that forbids it every request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::figure::{self, Common};
use super::{causes, incidents, key, shot, summary};
use crate::analysis::{Analysis, ReportDoc};
use crate::report::{one_line, send_lag_words, without_controls};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// `report.html`: the report of an analysis, on one page that needs nothing else.
///
/// It is at most about 5 MB: drawings, points, pods and incidents are bounded, and the page says how many of how many it shows.
#[must_use]
pub fn render(analysis: &Analysis) -> String {
    let report = &analysis.report;
    let albums = shot::albums(analysis);
    let listed = incidents::listed(report);
    let common = Common::new(&albums, listed.iter().map(|incident| incident.id).collect());
    let drawn = albums.iter().flat_map(|album| &album.shots).map(|shot| shot.doc.trial).collect();
    let body = html! {
        a.skip href="#main" { "To the content" }
        (key::definitions())
        (summary::head(report))
        (contents(report))
        main id="main" {
            section.timeline aria-labelledby="timeline" {
                h2 id="timeline" { "What happened when" }
                p { "One trial of each variant, all on one axis of time and with the same scales. " (points(&albums)) }
                (key::key(&albums))
                @for (number, album) in albums.iter().enumerate() { (figure::album(album, &common, number)) }
                (key::bars())
            }
            (causes::causes(report))
            (summary::variants(report))
            (summary::by_door(report))
            (summary::comparison(report))
            (summary::limits(report))
            (summary::hidden(report))
            (incidents::incidents(report, &listed, &drawn))
            (incidents::trials(report))
        }
        (foot(report))
        div id="tip" role="status" aria-live="polite" hidden {}
        script { (PreEscaped(SCRIPT)) }
    };
    // Text goes through `one_line`, and a place that forgets it must not show.
    without_controls(whole(report, &body).into_string())
}

fn whole(report: &ReportDoc, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (one_line(&report.scenario)) ": " (report.verdict.name()) " - rollproof" }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
}

/// Nothing may be fetched, and of code and style only what is compiled in counts: it is named by its hash.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let (script, style) = (hash(SCRIPT), hash(STYLE));
    format!("default-src 'none'; script-src {script}; style-src {style}; base-uri 'none'; form-action 'none'")
}

fn contents(report: &ReportDoc) -> Markup {
    let all = [
        ("timeline", "Timeline", true),
        ("causes", "Causes", true),
        ("variants", "Variants", true),
        ("comparison", "Comparison", !report.comparison.is_empty()),
        ("limits", "Limits", summary::has_limits(report)),
        ("incidents", "Incidents", true),
        ("trials", "Trials", true),
    ];
    html! {
        nav aria-label="sections" {
            ul { @for (id, name, _) in all.into_iter().filter(|(_, _, there)| *there) { li { a href={ "#" (id) } { (name) } } } }
        }
    }
}

fn points(albums: &[shot::Album<'_>]) -> String {
    let (drawn, failed) = figure::points_shown(albums);
    if drawn < failed {
        format!(
            "Failed attempts of all drawn trials: shown {drawn} of {failed}, thinned evenly; the record has them all."
        )
    } else {
        String::new()
    }
}

fn foot(report: &ReportDoc) -> Markup {
    html! {
        footer {
            (summary::facts(report))
            p { "The load: " (send_lag_words(&report.harness)) "." }
            p { "Made by rollproof from the record alone; " code { "report.json" } " beside this page has the same for programs." }
        }
    }
}
