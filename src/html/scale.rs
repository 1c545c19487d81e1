//! From seconds, rates and latencies to places in a drawing, and the ticks of an axis. It knows nothing of trials.

/// The width of a drawing, in its own units.
pub(super) const WIDTH: f64 = 1_120.0;
/// Where the plots begin: what stands before are names and figures.
pub(super) const LEFT: f64 = 182.0;
pub(super) const RIGHT: f64 = 1_108.0;

/// The axis that all drawings of a page share: seconds after the rollout's first mark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Time {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
}

impl Time {
    /// The place of a moment; what lies outside is put on the border.
    pub(super) fn x(&self, s: f64) -> f64 {
        let share = (s - self.from_s) / (self.to_s - self.from_s);
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    pub(super) fn shows(&self, s: f64) -> bool {
        (self.from_s..=self.to_s).contains(&s)
    }

    pub(super) fn ticks(&self) -> Vec<f64> {
        ticks(self.from_s, self.to_s, 12.0)
    }
}

/// The part of a drawing that one scale fills, from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band {
    pub(super) top: f64,
    pub(super) height: f64,
}

impl Band {
    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// The place of a share of the whole, 0 at the bottom.
    pub(super) fn y(&self, share: f64) -> f64 {
        self.bottom() - share.clamp(0.0, 1.0) * self.height
    }
}

/// A logarithmic scale over whole decades of microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Decades {
    pub(super) low: i32,
    pub(super) high: i32,
}

impl Decades {
    /// The decades that hold all these microseconds, at least two. Less than ten microseconds is no latency.
    #[expect(clippy::cast_possible_truncation, reason = "the exponents of latencies are below 20")]
    pub(super) fn of(values_us: impl Iterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::MAX, 0.0_f64);
        for us in values_us {
            (least, most) = (least.min(us), most.max(us));
        }
        if most <= 0.0 {
            return Self { low: 2, high: 6 };
        }
        let low = least.max(10.0).log10().floor() as i32;
        let high = most.max(10.0).log10().ceil() as i32;
        Self { low, high: high.max(low + 2) }
    }

    pub(super) fn share(self, us: f64) -> f64 {
        (us.max(1.0).log10() - f64::from(self.low)) / f64::from(self.high - self.low)
    }

    pub(super) fn ticks(self) -> Vec<(f64, String)> {
        let words = |exponent: i32| match exponent {
            0..3 => format!("{} ms", number(10_f64.powi(exponent - 3))),
            3..6 => format!("{} ms", 10_u64.pow(exponent.unsigned_abs() - 3)),
            _ => format!("{} s", 10_u64.saturating_pow(exponent.unsigned_abs() - 6)),
        };
        (self.low..=self.high).map(|exponent| (10_f64.powi(exponent), words(exponent))).collect()
    }
}

/// Round numbers between two others, at most so many.
pub(super) fn ticks(from: f64, to: f64, most: f64) -> Vec<f64> {
    let step = step(to - from, most);
    let (mut found, mut number) = (Vec::new(), (from / step).ceil());
    while number * step <= to + step * 1e-9 && found.len() < 100 {
        found.push(number * step);
        number += 1.0;
    }
    found
}

/// The smallest of 1, 2 and 5 times a power of ten of which at most so many make up the length.
pub(super) fn step(length: f64, most: f64) -> f64 {
    let least = length / most;
    if least.is_nan() || least <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|times| times * power)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// A whole count as a number to draw with.
#[expect(clippy::cast_precision_loss, reason = "a place in a drawing has four digits")]
pub(super) fn of_count(count: u64) -> f64 {
    count as f64
}

/// From one stamp to another in these units of nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "a run is far shorter than what a double holds exactly")]
pub(super) fn between(from_ns: u64, to_ns: u64, unit_ns: f64) -> f64 {
    (i128::from(to_ns) - i128::from(from_ns)) as f64 / unit_ns
}

/// A place in a drawing: to a tenth of its unit, so that a page is small.
pub(super) fn place(value: f64) -> String {
    number((value * 10.0).round() / 10.0)
}

/// A number without needless digits, and without the sign of a zero.
pub(super) fn number(value: f64) -> String {
    let text = format!("{:.3}", value + 0.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let as_words = |from, to, most| ticks(from, to, most).into_iter().map(number).collect::<Vec<_>>();
        assert_eq!(as_words(-3.0, 11.2, 8.0), ["-2", "0", "2", "4", "6", "8", "10"]);
        assert_eq!(as_words(0.0, 0.3, 4.0), ["0", "0.1", "0.2", "0.3"]);
        assert_eq!(as_words(5.0, 5.0, 4.0), ["5"], "nothing has a length of none");
    }

    #[test]
    fn decades_hold_every_value_and_name_their_ticks() {
        let decades = Decades::of([350.0, 9_000_000.0].into_iter());
        assert_eq!(decades, Decades { low: 2, high: 7 });
        let words: Vec<String> = decades.ticks().into_iter().map(|(_, words)| words).collect();
        assert_eq!(words, ["0.1 ms", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
        assert!((decades.share(1e7) - 1.0).abs() < 1e-9 && decades.share(100.0).abs() < 1e-9);
        assert_eq!(Decades::of(std::iter::empty()), Decades { low: 2, high: 6 });
        assert_eq!(Decades::of([5.0].into_iter()), Decades { low: 1, high: 3 });
    }

    #[test]
    fn what_is_outside_is_put_on_the_border() {
        let time = Time { from_s: -3.0, to_s: 7.0 };
        assert_eq!([time.x(-100.0), time.x(2.0), time.x(100.0)].map(place), ["182", "645", "1108"]);
        assert_eq!([number(-0.0), number(-0.0001), number(2.50)], ["0", "0", "2.5"]);
    }
}
