//! The first sentences of a report, the same on the terminal and on the page: what each variant lost, what the comparison shows,
//! and what a zero leaves open.

use std::cmp::Reverse;

use super::compared::{conclusion, in_brackets, p_is};
use super::words::{clipped, listener_gap_words, micros, one_line, seconds};
use crate::analysis::{ComparisonDoc, Difference, Quantiles, ReportDoc, RequestLatencyDoc, VariantDoc};
use crate::hidden::listed;
use crate::spec::Expect;
use crate::verdict::{Metric, Verdict, plural};

/// Characters of a name, of a kind of request, and of a variant's reason.
const NAME_MAX: usize = 40;
const REQUEST_MAX: usize = 40;
pub(super) const REASON_MAX: usize = 400;
/// Names that a sentence lists, and kinds of request.
const MOST_NAMES: usize = 4;
const MOST_KINDS: usize = 3;

/// Whether something was lost, whatever was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LossMark {
    Nothing,
    Something,
    Unsure,
}

impl LossMark {
    pub(crate) const fn of(variant: &VariantDoc) -> Self {
        match variant.verdict {
            Verdict::Inconclusive => Self::Unsure,
            _ if variant.trials_with_loss > 0 => Self::Something,
            _ => Self::Nothing,
        }
    }

    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Nothing => "✓",
            Self::Something => "✗",
            Self::Unsure => "?",
        }
    }
}

pub(crate) fn name(text: &str) -> String {
    clipped(&one_line(text), NAME_MAX)
}

/// `a, b and c`; of many, the first and how many more.
pub(crate) fn named(variants: &[&VariantDoc]) -> String {
    let mut names: Vec<String> = variants.iter().map(|variant| name(&variant.name)).collect();
    if names.len() > MOST_NAMES {
        let more = names.len() - (MOST_NAMES - 1);
        names.truncate(MOST_NAMES - 1);
        names.push(format!("{more} more variants"));
    }
    listed(&names.iter().map(String::as_str).collect::<Vec<&str>>())
}

/// `on kind (v1.34.4), 5 rollouts a variant`.
pub(crate) fn place(report: &ReportDoc) -> String {
    let place = match report.cluster.kind.as_str() {
        "embedded" => "the embedded cluster".to_owned(),
        other => one_line(other),
    };
    let version = in_brackets(Some(one_line(&report.cluster.version)).filter(|version| !version.is_empty()));
    let planned = report.variants.first().map_or(0, |variant| variant.trials_planned);
    let each = if report.variants.len() > 1 { " a variant" } else { "" };
    format!("on {place}{version}, {}{each}", plural(u64::from(planned), "rollout"))
}

/// How many requests were lost, and of how many in how many rollouts, apart so that the numbers can stand below each other.
pub(crate) fn lost_words(variant: &VariantDoc) -> (String, String) {
    if variant.trials == 0 {
        return (String::new(), "no rollout counts".to_owned());
    }
    let rollouts = plural(u64::from(variant.trials), "rollout");
    let of = format!("of {} requests lost, in {} of {rollouts}", thousands(variant.attempts), variant.trials_with_loss);
    (thousands(variant.lost), of)
}

pub(super) const LOSS_EXPECTED: &str = "loss expected";

/// What the counts alone do not tell of the verdict; empty where they do.
pub(crate) fn verdict_note(variant: &VariantDoc) -> String {
    let plain = variant.lost_at_most == 0 && !variant.strict;
    match (variant.verdict, variant.expect) {
        (Verdict::Pass, Expect::Loss) => LOSS_EXPECTED.to_owned(),
        (Verdict::Pass | Verdict::Fail, Expect::Clean) if plain => String::new(),
        _ => clipped(one_line(&variant.reason).trim_end_matches('.'), REASON_MAX),
    }
}

/// `at node a 12, at node b 0`, the most first; empty unless requests were lost at several nodes' ports.
pub(crate) fn node_words(variant: &VariantDoc) -> String {
    let mut nodes: Vec<(&str, u64)> = variant.lost_by_node.iter().map(|(node, lost)| (node.as_str(), *lost)).collect();
    nodes.sort_by_key(|(_, lost)| Reverse(*lost));
    let more = nodes.len().saturating_sub(MOST_NODES);
    let shown = nodes.iter().take(MOST_NODES).map(|(node, lost)| format!("{} {}", one_line(node), thousands(*lost)));
    let rest: u64 = nodes.iter().skip(MOST_NODES).map(|(_, lost)| lost).sum();
    let rest = (more > 0).then(|| format!("{more} more {}", thousands(rest)));
    if variant.lost == 0 { String::new() } else { shown.chain(rest).collect::<Vec<String>>().join(", ") }
}

/// What else was measured: the rollout's length, p99 in it, raced and unsent requests, and those that a proxy hid.
pub(crate) fn measured_words(variant: &VariantDoc) -> String {
    if variant.trials == 0 {
        return String::new();
    }
    let length = variant.rollout_s.median.map(|s| format!("{} a rollout", seconds(Some(s))));
    let kinds = if variant.latency_by_request.is_empty() { "" } else { ":" };
    let p99 = p99_during(variant).map(|p99| format!("p99{kinds} {p99}"));
    let sums = [
        (variant.raced, "raced"),
        (variant.unsent, "unsent"),
        (variant.hidden_by_proxy, "that a retry of the proxy hid"),
    ];
    let sums =
        sums.into_iter().filter(|(count, _)| *count > 0).map(|(count, sum)| format!("{} {sum}", thousands(count)));
    let nodes =
        Some(node_words(variant)).filter(|words| !words.is_empty()).map(|words| format!("lost by node: {words}"));
    length.into_iter().chain(p99).chain(sums).chain(nodes).collect::<Vec<String>>().join("; ")
}

/// p99 during the rollout, of each kind of request where there are several: a slow kind would hide what a fast one does.
fn p99_during(variant: &VariantDoc) -> Option<String> {
    let p99 = |all: Option<Quantiles>| all.map_or_else(|| "-".to_owned(), |all| micros(all.p99));
    let mut kinds: Vec<&RequestLatencyDoc> = variant.latency_by_request.iter().collect();
    if kinds.is_empty() {
        return variant.latency_us.during.map(|all| micros(all.p99));
    }
    let more = kinds.len().saturating_sub(MOST_KINDS);
    if more > 0 {
        kinds.sort_by_key(|kind| Reverse(kind.latency_us.during.map(|all| all.p99)));
        kinds.truncate(MOST_KINDS);
    }
    // A method that all have tells none from another.
    let method = |kind: &RequestLatencyDoc| kind.request.split(' ').next().map(str::to_owned);
    let first = variant.latency_by_request.first().and_then(method);
    let same = first.filter(|first| variant.latency_by_request.iter().all(|kind| method(kind).as_ref() == Some(first)));
    let kind = |kind: &RequestLatencyDoc| {
        let request = same.as_deref().and_then(|same| kind.request.strip_prefix(same)).unwrap_or(&kind.request);
        format!("{} {}", clipped(one_line(request).trim_start(), REQUEST_MAX), p99(kind.latency_us.during))
    };
    let rest = (more > 0).then(|| format!("and {more} faster"));
    Some(kinds.into_iter().map(kind).chain(rest).collect::<Vec<String>>().join(", "))
}

/// Nodes that are named; of more, those that lost the least are summed up.
const MOST_NODES: usize = 4;
/// Comparisons that are each a sentence; more are rows below each other.
const MOST_SENTENCES: usize = 2;

/// A variant beside the baseline, in words.
struct ComparedWords {
    variant: String,
    baseline: String,
    /// `8.2 fewer`.
    what: String,
    range: Option<String>,
    p: f64,
    is_adjusted: bool,
    /// `0.7 s longer`.
    cost: String,
    /// What follows, where it is not that the difference is shown.
    open: Option<String>,
}

impl ComparedWords {
    fn of(found: &ComparisonDoc, all: &[ComparisonDoc]) -> Result<Self, String> {
        let (variant, baseline) = (name(&found.variant), name(&found.baseline));
        let (Some(p), Some(difference)) = (found.p_value, found.difference) else {
            return Err(format!(
                "{variant} against {baseline}: no block in which both count, so nothing can be compared."
            ));
        };
        let what = match difference.estimate {
            fewer if fewer < 0.0 => format!("{:.1} fewer", -fewer),
            more if more > 0.0 => format!("{more:.1} more"),
            _ => AS_MANY.to_owned(),
        };
        let adjusted = found.p_adjusted.filter(|adjusted| *adjusted > p);
        let cost = all.iter().find(|cost| cost.metric == Metric::RolloutS && cost.variant == found.variant);
        Ok(Self {
            variant,
            baseline,
            what,
            range: range(difference),
            p: adjusted.unwrap_or(p),
            is_adjusted: adjusted.is_some(),
            cost: cost.and_then(|cost| cost.difference).map_or_else(String::new, longer),
            open: Some(conclusion(found)).filter(|words| words != SHOWN),
        })
    }

    fn sentence(self) -> String {
        let Self { variant, baseline, what, range, p, is_adjusted, cost, open } = self;
        let than = if what == AS_MANY { "as" } else { "than" };
        let holm = if is_adjusted { " after Holm's adjustment" } else { "" };
        let told: Vec<String> = range.into_iter().chain([format!("{}{holm}", p_is(p))]).collect();
        let cost = if cost.is_empty() { cost } else { format!(" and takes {cost}") };
        let open = open.map_or_else(String::new, |open| format!(" {}.", capitalised(&open)));
        format!("{variant} loses {what} requests a rollout {than} {baseline} ({}){cost}.{open}", told.join("; "))
    }
}

const AS_MANY: &str = "as many";
/// What needs no sentence beside a small p.
const SHOWN: &str = "the difference is shown";

fn compared(all: &[ComparisonDoc]) -> impl Iterator<Item = Result<ComparedWords, String>> {
    all.iter().filter(|found| found.metric == Metric::Lost).map(|found| ComparedWords::of(found, all))
}

/// A sentence for each variant beside the baseline.
pub(crate) fn comparison_sentences(all: &[ComparisonDoc]) -> Vec<String> {
    compared(all).map(|found| found.map_or_else(|none| none, ComparedWords::sentence)).collect()
}

/// The same for the terminal, where many variants stand below each other, and what follows for several is said once.
pub(super) fn comparison_rows(all: &[ComparisonDoc]) -> Vec<String> {
    let found: Vec<Result<ComparedWords, String>> = compared(all).collect();
    if found.len() <= MOST_SENTENCES {
        return comparison_sentences(all);
    }
    let known = || found.iter().filter_map(|found| found.as_ref().ok());
    let names = known().map(|found| found.variant.chars().count()).max().unwrap_or(0);
    let title = known().next().map(|found| {
        let holm = if known().any(|found| found.is_adjusted) { "; p after Holm's adjustment" } else { "" };
        format!("Requests lost a rollout, beside {}{holm}", found.baseline)
    });
    let row = |found: &ComparedWords| {
        let told: Vec<String> = found.range.iter().cloned().chain([p_is(found.p)]).collect();
        let cost = if found.cost.is_empty() { String::new() } else { format!(", {}", found.cost) };
        format!("  {:<names$}  {} ({}){cost}", found.variant, found.what, told.join("; "))
    };
    let mut open: Vec<(&str, Vec<&str>)> = Vec::new();
    for (words, variant) in known().filter_map(|found| Some((found.open.as_deref()?, found.variant.as_str()))) {
        match open.iter_mut().find(|(known, _)| *known == words) {
            Some((_, variants)) => variants.push(variant),
            None => open.push((words, vec![variant])),
        }
    }
    let all = known().count();
    let open = open.into_iter().map(|(words, variants)| {
        if variants.len() == all {
            format!("{}.", capitalised(words))
        } else {
            format!("{}: {words}.", listed(&variants))
        }
    });
    let none = found.iter().filter_map(|found| found.as_ref().err().cloned());
    title.into_iter().chain(known().map(row)).chain(open).chain(none).collect()
}

/// `27.0 to 34.0 at 93.8 %`, without signs where the sentence says more or fewer.
fn range(Difference { estimate, low, high, level }: Difference) -> Option<String> {
    let (low, high, level) = (low?, high?, 100.0 * level?);
    if low == 0.0 && high == 0.0 {
        return None;
    }
    Some(if estimate < 0.0 && high <= 0.0 {
        format!("{:.1} to {:.1} at {level:.1} %", high.abs(), low.abs())
    } else if estimate > 0.0 && low >= 0.0 {
        format!("{low:.1} to {high:.1} at {level:.1} %")
    } else {
        format!("{low:+.1} to {high:+.1} at {level:.1} %")
    })
}

fn longer(difference: Difference) -> String {
    match difference.estimate {
        shorter if shorter <= -0.05 => format!("{:.1} s less", -shorter),
        longer if longer >= 0.05 => format!("{longer:.1} s longer"),
        _ => "as long".to_owned(),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What zeros leave open: a sentence for all variants of which the same holds.
pub(crate) fn zero_sentences(report: &ReportDoc) -> Vec<String> {
    let mut groups: Vec<(u32, String, Vec<&VariantDoc>)> = Vec::new();
    for variant in &report.variants {
        let Some(open) = left_open(variant) else { continue };
        match groups.iter_mut().find(|(trials, known, _)| *trials == variant.trials && *known == open) {
            Some((.., same)) => same.push(variant),
            None => groups.push((variant.trials, open, vec![variant])),
        }
    }
    let several = report.variants.len() > 1;
    let sentence = |(trials, open, same): (u32, String, Vec<&VariantDoc>)| {
        let of = if several { format!(" of {}", named(&same)) } else { String::new() };
        let each = if same.len() > 1 { " each" } else { "" };
        format!("{}{of} without loss{each}: {open}.", plural(u64::from(trials), "rollout"))
    };
    groups.into_iter().map(sentence).collect()
}

fn left_open(variant: &VariantDoc) -> Option<String> {
    let share = 100.0 * variant.detection_limit.rollouts_losing_at_most_95?;
    let gap = listener_gap_words(variant);
    Some(format!("up to {share:.0} % of rollouts could still lose something (95 %), and {gap}"))
}

/// `12,345`.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_range_has_signs_only_where_it_crosses_zero() {
        let of =
            |estimate, low, high| range(Difference { estimate, low: Some(low), high: Some(high), level: Some(0.75) });
        assert_eq!(of(-8.0, -9.0, -7.0).as_deref(), Some("7.0 to 9.0 at 75.0 %"));
        assert_eq!(of(-1.0, -3.0, 2.0).as_deref(), Some("-3.0 to +2.0 at 75.0 %"));
        assert_eq!(of(2.0, 1.0, 3.0).as_deref(), Some("1.0 to 3.0 at 75.0 %"));
        assert_eq!(of(0.0, 0.0, 0.0), None);
    }
}
