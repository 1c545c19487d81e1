//! Texts, places in them, and the errors that point there.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned};

use crate::redact::{QuotedLine, clipped};

/// A longer message is cut: what it quotes may be any length.
const LONGEST_MESSAGE: usize = 2_000;

/// A text and the name that errors call it by: a path, or `standard input`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlSource {
    name: Arc<str>,
    text: Arc<str>,
}

impl YamlSource {
    #[must_use]
    pub fn new(name: &str, text: &str) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A place in a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct YamlPlace {
    /// The line, from 1.
    pub line: u64,
    /// Bytes in the text.
    pub bytes: Range<usize>,
}

impl YamlPlace {
    /// Where the parser gave no bytes, the place is that of the line's column.
    pub(super) fn or_column(self, text: &str, column: u64) -> Self {
        if self.bytes.start > 0 || self.line == 0 {
            return self;
        }
        let index = |n: u64| usize::try_from(n.saturating_sub(1)).unwrap_or(0);
        let line_start = text.split_inclusive('\n').take(index(self.line)).map(str::len).sum::<usize>();
        let line = text.get(line_start..).unwrap_or_default();
        let within = line.chars().take(index(column)).take_while(|c| *c != '\n').map(char::len_utf8).sum::<usize>();
        let start = line_start.saturating_add(within);
        Self { line: self.line, bytes: start..start.saturating_add(self.bytes.len()) }
    }

    pub(super) fn of(location: Location) -> Self {
        let number = |n: Option<u64>| usize::try_from(n.unwrap_or(0)).unwrap_or(0);
        let start = number(location.span().byte_offset());
        let length = number(location.span().byte_len());
        Self { line: location.line(), bytes: start..start.saturating_add(length) }
    }
}

/// A value and where it stands, so that a later check can point at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Located<T> {
    pub value: T,
    /// Where it stands.
    pub place: YamlPlace,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        Ok(Self { value: spanned.value, place: YamlPlace::of(spanned.referenced) })
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// What an error shows of an input: the line that it points at, as [`QuotedLine`] lets it be seen.
#[derive(Debug)]
struct Excerpt {
    name: String,
    /// The line, from 1.
    line: u64,
    text: String,
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let above = usize::try_from(self.line.saturating_sub(1)).unwrap_or(usize::MAX);
        // Without lines around it, the place itself is asked for, to name its column.
        let marked = if (before, after) == (0, 0) { self.text.get(..span.offset()) } else { None };
        let column = marked.map_or(0, |marked| marked.chars().count());
        let whole = (0, self.text.len()).into();
        Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), self.text.as_bytes(), whole, above, column, 1)))
    }
}

/// Something that is wrong at a place in an input, shown with the file, the line and a mark.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{sentence}")]
pub struct YamlFault {
    sentence: String,
    #[help]
    help: Option<String>,
    #[source_code]
    excerpt: Excerpt,
    #[label("here")]
    at: Option<SourceSpan>,
}

impl YamlFault {
    /// `message` says what is wrong and what was expected; `doing` what was being done, for example `reading`.
    #[must_use]
    pub fn new(doing: &str, source: &YamlSource, place: Option<&YamlPlace>, message: &str) -> Self {
        let line = place.map(|place| format!(" line {}", place.line)).unwrap_or_default();
        let shown = place.map(|place| {
            let place = place.clone().or_column(source.text(), 1);
            QuotedLine::at(source.text(), &place.bytes)
        });
        let at = shown.as_ref().map(|shown| (shown.mark.start, shown.mark.len()).into());
        // An escape would be a colour of the input's own. Its place is a byte, as its stand-in's.
        let text = shown.map(|shown| shown.text.replace('\u{1b}', "?")).unwrap_or_default();
        Self {
            sentence: format!("{doing} {}{line}: {}", source.name(), clipped(message, LONGEST_MESSAGE)),
            help: None,
            excerpt: Excerpt { name: source.name().to_owned(), line: place.map_or(0, |place| place.line), text },
            at,
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_help(mut self, help: &str) -> Self {
        self.help = Some(clipped(help, LONGEST_MESSAGE));
        self
    }
}
