//! The parser, with its one set of options.
//!
//! Numbers such as `0644` are octal, as kubectl reads them; a key that stands twice is an error; the input's size and
//! what aliases may expand to are bounded. Must not know what the documents mean.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::localizer::Localizer;
use serde_saphyr::{DefaultMessageFormatter, Location, Options};

use super::nearest::nearest;
use super::source::{Located, YamlFault, YamlPlace, YamlSource};
use crate::redact::{clipped, without_quoted};

/// The most bytes that one input may have.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The most documents in one input.
const MAX_DOCUMENTS: usize = 1_000;
/// A longer key or value is cut where an error names it.
const LONGEST_WORD: usize = 80;

/// One document of a YAML stream.
#[derive(Debug, Clone, PartialEq)]
pub struct YamlDocument {
    pub value: Value,
    /// The input that holds it.
    pub source: YamlSource,
    /// Where it begins.
    pub place: YamlPlace,
}

/// Why an input could not be parsed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum YamlError {
    /// It does not parse, or does not have the form that is expected.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Form(Box<YamlFault>),
    #[error(
        "reading {name}: it has {bytes} bytes, expected at most {MAX_BYTES}; name only the manifests that the run needs"
    )]
    TooLarge { name: String, bytes: usize },
}

/// Parses every document of `source`. Empty documents are left out.
pub fn documents(source: &YamlSource) -> Result<Vec<YamlDocument>, YamlError> {
    check_size(source)?;
    let parsed = serde_saphyr::from_multiple_with_options::<Located<Value>>(source.text(), options())
        .map_err(|error| explain(source, &error))?;
    Ok(parsed
        .into_iter()
        .filter(|document| !document.value.is_null())
        .map(|document| YamlDocument { value: document.value, source: source.clone(), place: document.place })
        .collect())
}

/// Parses the single document of `source` into a type.
pub fn single<T: DeserializeOwned>(source: &YamlSource) -> Result<T, YamlError> {
    check_size(source)?;
    serde_saphyr::from_str_with_options(source.text(), options()).map_err(|error| explain(source, &error))
}

fn check_size(source: &YamlSource) -> Result<(), YamlError> {
    let bytes = source.text().len();
    if bytes > MAX_BYTES {
        return Err(YamlError::TooLarge { name: source.name().to_owned(), bytes });
    }
    Ok(())
}

pub(super) fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: MAX_DOCUMENTS,
            max_depth: 64,
            max_nodes: 500_000,
            max_events: 2_000_000,
            max_aliases: 10_000,
            max_anchors: 1_000,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
        legacy_octal_numbers: true,
        with_snippet: false,
    }
}

/// Leaves places out of the parser's sentences: they are shown beside the source.
struct WithoutPlaces;

impl Localizer for WithoutPlaces {
    fn attach_location<'a>(&self, base: std::borrow::Cow<'a, str>, _: Location) -> std::borrow::Cow<'a, str> {
        base
    }
}

fn explain(source: &YamlSource, error: &serde_saphyr::Error) -> YamlError {
    let error = error.without_snippet();
    let place = error
        .location()
        .filter(|location| *location != Location::UNKNOWN)
        .map(|location| YamlPlace::of(location).or_column(source.text(), location.column()));
    let (message, help) = sentence(error);
    let fault = YamlFault::new("reading", source, place.as_ref(), &message);
    YamlError::Form(Box::new(match help {
        Some(help) => fault.with_help(&help),
        None => fault,
    }))
}

fn sentence(error: &serde_saphyr::Error) -> (String, Option<String>) {
    use serde_saphyr::Error;
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            (format!("{} is not a key that is known here", word(field)), Some(choice(field, expected)))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            (format!("{} is not a value that is known here", word(variant)), Some(choice(variant, expected)))
        }
        Error::SerdeMissingField { field, .. } => {
            (format!("the key `{field}` is missing"), Some(format!("add `{field}:`")))
        }
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            // Not the text itself: a wrong file, or a value in the wrong place, may hold a credential.
            let unexpected = if unexpected.starts_with("string ") { "a string" } else { unexpected.as_str() };
            (format!("this is {unexpected}, expected {expected}"), None)
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map_or_else(|| "a key".to_owned(), word);
            (format!("{key} appears twice"), Some("keep one of them".to_owned()))
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => (
            "it is larger, deeper or more repeated than any manifest needs to be".to_owned(),
            Some("write out what the aliases stand for, or split the file".to_owned()),
        ),
        Error::Eof { .. } => ("it is empty, or ends too early, expected a YAML document".to_owned(), None),
        Error::InvalidScalar { ty, .. } => {
            let expected = match *ty {
                "u8" | "u16" | "u32" | "u64" | "u128" => "a whole number that is not negative",
                "i8" | "i16" | "i32" | "i64" | "i128" => "a whole number",
                "boolean" => "on or off",
                "floating point" => "a number",
                other => other,
            };
            (format!("this value has another type, expected {expected}"), None)
        }
        Error::Unexpected { expected, .. } => {
            let expected = expected.strip_suffix(" start").unwrap_or(expected);
            (format!("this value has another type, expected a {expected}"), None)
        }
        Error::AliasError { error, .. } => sentence(error),
        other => {
            let formatter = DefaultMessageFormatter;
            let said = without_quoted(&other.render_with_formatter(&formatter.with_localizer(&WithoutPlaces)));
            let known = PLAINER.iter().find(|(part, ..)| said.contains(part));
            known.map_or((said, None), |(_, message, help)| ((*message).to_owned(), Some((*help).to_owned())))
        }
    }
}

/// What the parser says in terms of its own, in plain words: a part of that, the message, and what to do.
const PLAINER: [(&str, &str, &str); 4] = [
    ("recursion limit", "it is nested deeper than any manifest needs to be", "flatten it"),
    ("recursive references", "an alias stands inside of what it stands for", "write out what it is to stand for"),
    ("non-finite float", "this number is not finite, expected an ordinary number", "for example 1 or 0.5"),
    ("externally tagged enum", "this is a list or a mapping, expected one word", "see `rollproof schema scenario`"),
];

/// A key or a value as an error names it. What is no word may come from another kind of file, and hold a credential.
fn word(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_alphanumeric() || "_-./$ ".contains(c));
    if plain { format!("`{}`", clipped(text, LONGEST_WORD)) } else { "this".to_owned() }
}

fn choice(found: &str, expected: &[&str]) -> String {
    let list = expected.join(", ");
    match nearest(found, expected.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? Known here: {list}"),
        None if expected.is_empty() => "no key is known here".to_owned(),
        None => format!("known here: {list}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Vec<YamlDocument> {
        documents(&YamlSource::new("test.yaml", text)).unwrap()
    }

    fn refused(text: &str) -> String {
        documents(&YamlSource::new("test.yaml", text)).unwrap_err().to_string()
    }

    #[test]
    fn documents_keep_their_lines_and_empty_ones_are_left_out() {
        let found = parse("# a comment\n---\na: 1\n---\n---\n# nothing\n---\nb: 2\n");
        let seen = found.iter().map(|d| (d.value.clone(), d.place.line)).collect::<Vec<_>>();
        assert_eq!(seen, [(json!({"a": 1}), 3), (json!({"b": 2}), 8)]);
    }

    #[test]
    fn numbers_are_read_as_kubectl_reads_them() {
        assert_eq!(
            parse("mode: 0644\nport: 80\nname: \"0644\"\n")[0].value,
            json!({"mode": 420, "port": 80, "name": "0644"})
        );
        assert_eq!(parse("base: &b {x: 1}\nmore:\n  <<: *b\n  y: 2\n")[0].value["more"], json!({"x": 1, "y": 2}));
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        assert_eq!(refused("a: 1\nb: 2\na: 3\n"), "reading test.yaml line 3: `a` appears twice");
    }

    #[test]
    fn aliases_that_multiply_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            let alias = format!("*a{}", i - 1);
            let line = format!("a{i}: &a{i} [{}]\n", vec![alias; 10].join(", "));
            text += &line;
        }
        assert!(refused(&text).contains("more repeated than any manifest needs"), "{}", refused(&text));
        let deep = format!("a: {}{}", "[".repeat(500), "]".repeat(500));
        assert!(documents(&YamlSource::new("deep.yaml", &deep)).is_err());
    }

    #[test]
    fn an_input_that_is_too_large_is_refused() {
        let text = "#".repeat(MAX_BYTES + 1);
        assert!(matches!(documents(&YamlSource::new("big.yaml", &text)), Err(YamlError::TooLarge { .. })));
    }

    #[test]
    fn what_does_not_parse_names_its_line() {
        let message = refused("a: 1\nb: [1, 2\nc: 3\n");
        assert!(message.starts_with("reading test.yaml line "), "{message}");
        assert!(!message.contains("column"), "{message}");
    }

    #[test]
    fn what_the_parser_says_in_its_own_terms_is_said_plainly() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Word {
            Clean,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Keys {
            #[expect(dead_code, reason = "only read")]
            expect: Option<Word>,
        }
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        for (text, plain) in
            [(deep.as_str(), "nested deeper"), ("a: &a [*a]", "stands inside of what"), ("a: .nan", "not finite")]
        {
            let said = documents(&YamlSource::new("a.yaml", text)).unwrap_err().to_string();
            assert!(said.contains(plain), "{said}");
        }
        let said = single::<Keys>(&YamlSource::new("a.yaml", "expect: [clean, loss]")).unwrap_err().to_string();
        assert!(said.contains("expected one word"), "{said}");
        assert!(single::<Keys>(&YamlSource::new("a.yaml", "expect: clean")).is_ok());
    }
}
