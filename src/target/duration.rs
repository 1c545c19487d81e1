//! Durations as flags: `500ms`, `3s`, `2m`.

use std::time::Duration;

/// The longest duration that a flag takes: a day.
const LONGEST: Duration = Duration::from_hours(24);

/// Reads a whole number with the unit `ms`, `s` or `m`; `0` needs none.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let read = number.parse::<u64>().ok().and_then(|n| match unit {
        "ms" => Some(Duration::from_millis(n)),
        "s" => Some(Duration::from_secs(n)),
        "m" => n.checked_mul(60).map(Duration::from_secs),
        "" if n == 0 => Some(Duration::ZERO),
        _ => None,
    });
    match read {
        Some(duration) if duration <= LONGEST => Ok(duration),
        Some(_) => Err(format!("`{text}` is longer than 24 hours")),
        None => Err(format!("`{text}` is not a duration; expected a whole number with a unit, as in 500ms, 3s or 2m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(parse("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(parse("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "3", "s", "-1s", "1.5s", "3 s", "3h", "99999999999999999999s", "18446744073709551615m"] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains("500ms"), "{text}: {refused}");
        }
        assert!(parse("1441m").unwrap_err().contains("24 hours"));
    }
}
