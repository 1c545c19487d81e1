//! The small values of a scenario. Each is checked where it is read, so that an error points at it.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Visitor};

/// The most requests a second that a scenario may ask for.
pub(crate) const MAX_RATE: f64 = 1_000_000.0;
/// The fewest: below it, a trial has no request at all.
const MIN_RATE: f64 = 0.01;
pub(crate) const MAX_TRIALS: u32 = 1_000;
/// The most variants of a scenario.
pub(crate) const MAX_VARIANTS: usize = 20;
const MAX_DURATION: Duration = Duration::from_hours(24);
/// The longest name of a scenario or a variant; namespaces are named after them.
pub(crate) const MAX_NAME: usize = 40;

/// Requests a second: [`MIN_RATE`] to [`MAX_RATE`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RequestRate(f64);

impl RequestRate {
    pub(crate) fn new(per_s: f64) -> Result<Self, String> {
        if (MIN_RATE..=MAX_RATE).contains(&per_s) {
            Ok(Self(per_s))
        } else {
            let extreme = per_s != 0.0 && !(1e-6..1e12).contains(&per_s.abs());
            let shown = if extreme { format!("{per_s:e}") } else { per_s.to_string() };
            Err(format!("the rate is {shown}, expected {MIN_RATE} to {MAX_RATE} requests a second"))
        }
    }
    pub(crate) fn per_s(self) -> f64 {
        self.0
    }
}

/// Trials of each variant: 1 to [`MAX_TRIALS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TrialCount(u32);

impl TrialCount {
    /// A number of trials, or what is wrong with it.
    pub(crate) fn new(count: i64) -> Result<Self, String> {
        u32::try_from(count)
            .ok()
            .filter(|count| (1..=MAX_TRIALS).contains(count))
            .map(Self)
            .ok_or_else(|| format!("the number of trials is {count}, expected 1 to {MAX_TRIALS}"))
    }
    pub(crate) fn count(self) -> u32 {
        self.0
    }
}

/// A name of letters `a` to `z`, digits and `-`, as DNS labels are (RFC 1123): it becomes part of namespaces and paths.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScenarioName(String);

impl ScenarioName {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if letters && (1..=MAX_NAME).contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-') {
            return Ok(Self(text.to_owned()));
        }
        let shown = text.chars().take(MAX_NAME + 1).flat_map(char::escape_debug).collect::<String>();
        Err(format!(
            "the name is `{shown}`, expected 1 to {MAX_NAME} of the letters a-z, digits and `-`, not at either end"
        ))
    }
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A duration with its unit: `500ms`, `10s`, `2m`, `1h`, or several in a row, as in `1m30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScenarioDuration(pub(crate) Duration);

impl ScenarioDuration {
    /// Parses a duration, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is not a duration, expected a number with a unit, such as 500ms, 10s or 2m");
        let mut rest = text.trim();
        let mut total = Duration::ZERO;
        if rest.is_empty() {
            return Err(refuse());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(refuse)?;
            let (number, unit) = rest.split_at(digits);
            let letters = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
            let (unit, after) = unit.split_at(letters);
            let seconds = match unit {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                _ => return Err(refuse()),
            };
            let number = number.parse::<f64>().map_err(|_| refuse())?;
            let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| too_long(text))?;
            total = total.saturating_add(part);
            rest = after;
        }
        if total > MAX_DURATION { Err(too_long(text)) } else { Ok(Self(total)) }
    }
}

/// Checks the longest send delay that a trial may have and count, in milliseconds.
pub(crate) fn check_max_lag(ms: u64) -> Result<(), String> {
    let within = (1..=60_000).contains(&ms);
    within.then_some(()).ok_or_else(|| format!("`max_lag_ms` is {ms}, expected 1 to 60000 milliseconds"))
}

fn too_long(text: &str) -> String {
    format!("`{text}` is too long, expected at most {} hours", MAX_DURATION.as_secs() / 3_600)
}

impl std::fmt::Display for ScenarioDuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_zero() { f.write_str("0s") } else { write!(f, "{:?}", self.0) }
    }
}

/// A part of all attempts: a percentage such as `10%`, or a fraction above 0 and up to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LoadShare(pub(crate) f64);

impl LoadShare {
    fn fraction(fraction: f64) -> Result<Self, String> {
        if fraction > 0.0 && fraction <= 1.0 {
            Ok(Self(fraction))
        } else {
            Err(format!(
                "the share is {fraction}, expected a percentage such as 10% or a fraction above 0 and at most 1"
            ))
        }
    }

    /// Parses a percentage or a fraction, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let refuse = || format!("the share is `{text}`, expected a percentage such as 10% or a fraction such as 0.1");
        match text.trim().strip_suffix('%') {
            Some(percent) => {
                let percent = percent.trim().parse::<f64>().map_err(|_| refuse())?;
                let within = percent > 0.0 && percent <= 100.0;
                within
                    .then_some(Self(percent / 100.0))
                    .ok_or_else(|| format!("the share is {percent}%, expected a percentage above 0 and at most 100"))
            }
            None => Self::fraction(text.trim().parse::<f64>().map_err(|_| refuse())?),
        }
    }
}

struct NumberOrText<T> {
    expected: &'static str,
    number: fn(f64) -> Result<T, String>,
    text: fn(&str) -> Result<T, String>,
}

impl<T> Visitor<'_> for NumberOrText<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.expected)
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers that large are refused in any case")]
    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        (self.number)(number as f64).map_err(E::custom)
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers that large are refused in any case")]
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        (self.number)(number as f64).map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<T, E> {
        (self.number)(number).map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.text)(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for LoadShare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrText {
            expected: "a percentage such as 10% or a fraction such as 0.1",
            number: Self::fraction,
            text: Self::parse,
        })
    }
}

// Rates are typed numbers, because an untyped NaN would be refused without saying what was expected.
scenario_value!(
    RequestRate, "Rate", {"type": "number", "minimum": MIN_RATE, "maximum": MAX_RATE}, f64, RequestRate::new
);
scenario_value!(
    TrialCount, "Trials", {"type": "integer", "minimum": 1, "maximum": MAX_TRIALS}, i64, TrialCount::new
);
scenario_value!(ScenarioName, "Name", {
    "type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
}, String, |text: String| ScenarioName::new(&text));
scenario_value!(ScenarioDuration, "Duration", {
    "description": "A duration with its unit, such as `500ms`, `10s`, `2m` or `1m30s`.",
    "type": "string", "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$"
}, String, |text: String| ScenarioDuration::parse(&text));
scenario_value!(LoadShare, "Share", {
    "description": "A part of all attempts: a percentage such as `10%`, or a fraction.",
    "oneOf": [
        {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?%$"},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
    ]
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> Result<Duration, String> {
        ScenarioDuration::parse(text).map(|time| time.0)
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(time("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(time("10s").unwrap(), Duration::from_secs(10));
        assert_eq!(time("1.5s").unwrap(), Duration::from_millis(1_500));
        assert_eq!(time("1m30s").unwrap(), Duration::from_secs(90));
        assert_eq!(time("0s").unwrap(), Duration::ZERO);
        for bad in ["", "10", "s", "10 s", "-1s", "1d", "1..2s", "10sec", "1s2", "٣s", "1e3s"] {
            assert!(time(bad).unwrap_err().contains("expected a number with a unit"), "{bad}");
        }
        assert_eq!(time("25h").unwrap_err(), "`25h` is too long, expected at most 24 hours");
        assert!(time(&format!("{}s", "9".repeat(400))).is_err());
    }

    #[test]
    fn rates_trials_and_names_have_bounds() {
        for bad in [0.0, -1.0, 1e-300, 0.009, f64::NAN, f64::INFINITY, 1_000_001.0] {
            assert!(RequestRate::new(bad).is_err(), "{bad}");
        }
        assert!(RequestRate::new(0.5).is_ok() && RequestRate::new(0.01).is_ok());
        assert!(TrialCount::new(0).is_err() && TrialCount::new(-1).is_err() && TrialCount::new(1_001).is_err());
        for bad in ["", "../x", "a/b", "A", "-a", "a-", "a b", "a\n", &"a".repeat(41)] {
            assert!(ScenarioName::new(bad).is_err(), "{bad}");
        }
        assert!(ScenarioName::new("apache-prestop").is_ok());
    }

    proptest! {
        #[test]
        fn a_duration_reads_back(ms in 0_u64..86_400_000) {
            let read = time(&format!("{ms}ms")).unwrap();
            prop_assert!(read.abs_diff(Duration::from_millis(ms)) < Duration::from_micros(1));
            let whole = format!("{}h{}m{}s", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
            prop_assert_eq!(time(&whole).unwrap().as_secs(), ms / 1_000);
        }

        #[test]
        fn a_percentage_and_its_fraction_are_the_same_share(percent in 1_u32..=100) {
            let share = LoadShare::parse(&format!("{percent}%")).unwrap();
            let fraction = LoadShare::parse(&format!("{}", f64::from(percent) / 100.0)).unwrap();
            prop_assert!((share.0 - fraction.0).abs() < 1e-12);
        }

        #[test]
        fn no_text_breaks_a_parser(text in ".{0,20}") {
            if let Ok(share) = LoadShare::parse(&text) {
                prop_assert!(share.0 > 0.0 && share.0 <= 1.0);
            }
            if let Ok(time) = ScenarioDuration::parse(&text) {
                prop_assert!(time.0 <= MAX_DURATION);
            }
        }
    }
}
