//! Random changes of bytes: of bits, of pieces, and of what a text of JSON or YAML is made of.

use rollproof::rng::Rng;

/// Kinds of change; those from `WHOLE` on are of words and lines.
const KINDS: usize = 9;
const WHOLE: usize = 6;
const LONGEST: usize = 64 * 1024;
/// What stands at the borders of types and readers.
const WORDS: [&str; 28] = [
    "0",
    "-1",
    "1",
    "255",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "1e-320",
    "0.5",
    "null",
    "true",
    "\"\"",
    "[]",
    "{}",
    "[[[[",
    "{\"a\":",
    "\n",
    "\\n",
    "\\u202e",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{85}",
    "---\n",
    "&a [*a, *a]",
];

/// A seed with one to eight changes. Half of them are of whole words and lines only, so that readers get beyond the first line.
pub(crate) fn changed(seeds: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    let least = if random.below(2) == 0 { WHOLE } else { 0 };
    for _ in 0..length(random, 4).max(1) {
        let kind = least + random.below(KINDS - least);
        change(&mut input, kind, seeds, random);
    }
    input.truncate(LONGEST);
    input
}

fn change(input: &mut Vec<u8>, kind: usize, seeds: &[Vec<u8>], random: &mut Rng) {
    let at = random.below(input.len() + 1);
    let end = (at + length(random, 10)).min(input.len());
    match kind {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = u8::try_from(random.below(256)).unwrap_or_default(),
        2 => drop(input.drain(at..end)),
        3 => {
            let piece = input[at..end].to_vec();
            let to = random.below(input.len() + 1);
            input.splice(to..to, piece);
        }
        4 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            let to = (from + length(random, 12)).min(other.len());
            input.splice(at..end, other[from..to].iter().copied());
        }
        5 => drop(input.splice(at..at, word(random))),
        6 => {
            let (from, to) = token(input, at);
            input.splice(from..to, word(random));
        }
        7 => {
            // A line again, or in another place.
            let (from, to) = line(input, at);
            let piece = input[from..to].to_vec();
            let (place, _) = line(input, random.below(input.len() + 1));
            input.splice(place..place, piece);
        }
        _ => {
            let (from, to) = line(input, at);
            input.drain(from..to);
        }
    }
}

/// Short ones are as likely as long ones.
fn length(random: &mut Rng, bits: usize) -> usize {
    let most = 1 << random.below(bits);
    random.below(most)
}

fn word(random: &mut Rng) -> impl Iterator<Item = u8> + use<> {
    WORDS[random.below(WORDS.len())].bytes()
}

/// The number or word around a place.
fn token(input: &[u8], at: usize) -> (usize, usize) {
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let from = input[..at].iter().rposition(|byte| !inside(byte)).map_or(0, |before| before + 1);
    let to = input[at..].iter().position(|byte| !inside(byte)).map_or(input.len(), |after| at + after);
    (from, to)
}

/// The line around a place, with its end.
fn line(input: &[u8], at: usize) -> (usize, usize) {
    let from = input[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |before| before + 1);
    let to = input[at..].iter().position(|byte| *byte == b'\n').map_or(input.len(), |after| at + after + 1);
    (from, to)
}
