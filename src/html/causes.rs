//! Why requests were lost and what would help, for each variant.

use maud::{Markup, html};

use super::data::harmless;
use super::kind::Kind;
use super::summary::table;
use crate::analysis::{ReportDoc, VariantDoc};
use crate::report::{causes_by_count, one_line, patch_file};

pub(super) fn causes(report: &ReportDoc) -> Markup {
    html! {
        section aria-labelledby="causes" {
            h2 id="causes" { "Causes and what would help" }
            @if report.variants.iter().all(|variant| variant.causes.is_empty()) { {
                p { "No attempt was lost in the trials that count." }
                @if report.variants.iter().any(|variant| variant.strict && variant.raced > 0) {
                    p { "Under " code { "strict" } " raced attempts count as losses too; their cause is the race between a closing "
                        "server and a writing client." }
                }
            } }
            @for variant in report.variants.iter().filter(|variant| !variant.causes.is_empty()) { (of_variant(variant)) }
        }
    }
}

fn of_variant(variant: &VariantDoc) -> Markup {
    let rows = html! {
        @for (cause, count) in causes_by_count(variant) {
            tr {
                th.cause scope="row" { (sign(Kind::Lost(cause))) (cause.name()) }
                td.num { (count) }
                td { (cause.meaning()) }
            }
        }
    };
    html! {
        h3 { (one_line(&variant.name)) }
        (table("Lost attempts by cause", "cause | #lost | a request was lost because", &rows))
        @if !variant.advice.is_empty() {
            details open {
                summary { "What would help" }
                ul {
                    @for advice in &variant.advice {
                        li {
                            strong { (advice.cause.name()) } ": " (one_line(&advice.text))
                            @if let (Some(field), Some(value)) = (&advice.field, &advice.value) {
                                " " code { (one_line(field)) ": " (one_line(value)) }
                            }
                        }
                    }
                }
            }
        }
        @if let Some(patch) = &variant.advice_patch {
            details {
                summary { "All of it as one patch" }
                p { "The file " code { (patch_file(&variant.name)) } " beside this page has it too, for "
                    code { "kubectl patch --patch-file" } " or a scenario's " code { "patch:" } "." }
                pre.patch tabindex="0" aria-label="patch" { (harmless(&serde_json::to_string_pretty(patch).unwrap_or_default())) }
            }
        }
    }
}

/// A kind's shape beside its name.
pub(super) fn sign(kind: Kind) -> Markup {
    let number = kind.number();
    html! { svg.sign viewBox="-8 -8 16 16" aria-hidden="true" { use class={ "k" (number) } href={ "#s" (number) } {} } " " }
}
