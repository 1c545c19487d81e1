//! Parts of an HTTP request as a scenario writes them, checked where they are read.

use http::{HeaderName, uri::PathAndQuery};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::redact::clipped;
use crate::spec::{HeaderSpec, HeaderText, LoadUrl, UrlHost};

const MAX_HEADERS: usize = 64;
/// The longest path with query, in bytes.
const MAX_PATH: usize = 8 * 1024;

/// How much of a wrong value an error shows.
const SHOWN: usize = 80;

/// The methods that can be sent.
const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// Headers that describe the connection or the body, which the load itself decides (RFC 9110 section 7.6.1).
const OWN_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestPath(pub(crate) PathAndQuery);

impl RequestPath {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let fits = text.starts_with('/') && text.len() <= MAX_PATH && !text.contains('#');
        // Up to its query, which may hold a credential.
        let shown = text.split('?').next().unwrap_or_default();
        let shown = shown.chars().take(SHOWN).flat_map(char::escape_debug).collect::<String>();
        fits.then(|| text.parse().ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| format!("the path is `{shown}`, expected one that begins with `/`, such as /slow?ms=100"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestMethod(pub(crate) http::Method);

impl RequestMethod {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let known = METHODS.contains(&text).then(|| text.parse().ok()).flatten();
        let shown = clipped(text, SHOWN);
        known
            .map(Self)
            .ok_or_else(|| format!("the method is `{}`, expected one of {}", shown.escape_debug(), METHODS.join(", ")))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExpectedStatus(pub(crate) u16);

impl ExpectedStatus {
    pub(crate) fn new(number: i64) -> Result<Self, String> {
        let status = u16::try_from(number).ok().filter(|status| (200..600).contains(status));
        status.map(Self).ok_or_else(|| format!("the status is {number}, expected 200 to 599"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResponseHeader(pub(crate) HeaderName);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RequestHeaders(pub(crate) Vec<HeaderSpec>);

fn header_name(text: &str) -> Result<HeaderName, String> {
    text.parse().map_err(|_| {
        let shown = text.chars().take(SHOWN).flat_map(char::escape_debug).collect::<String>();
        format!("`{shown}` is not the name of a header, expected one such as X-Pod")
    })
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = RequestHeaders;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a mapping from header names to values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RequestHeaders, A::Error> {
        let mut headers = RequestHeaders::default();
        while let Some((name, value)) = map.next_entry::<String, String>()? {
            let name = header_name(&name).map_err(A::Error::custom)?;
            let header = HeaderSpec { name, value: HeaderText::Value(value) };
            headers.add(header).map_err(A::Error::custom)?;
        }
        Ok(headers)
    }
}

impl RequestHeaders {
    /// Adds a header, or says what is wrong with it. A value is not shown: it may be a credential.
    pub(crate) fn add(&mut self, header: HeaderSpec) -> Result<(), String> {
        let name = &header.name;
        if OWN_HEADERS.contains(&name.as_str()) {
            return Err(format!("the header {name} is set by the load itself, expected others; choose arms instead"));
        }
        if let HeaderText::Value(text) = &header.value
            && !text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte))
        {
            return Err(format!(
                "the value of the header {name} has a line break or another character that no header may hold, expected \
                 visible ASCII"
            ));
        }
        if self.0.len() >= MAX_HEADERS {
            return Err(format!("there are more than {MAX_HEADERS} headers, expected fewer"));
        }
        if self.0.iter().any(|known| known.name == *name) {
            return Err(format!("the header {name} appears twice, expected it once"));
        }
        self.0.push(header);
        Ok(())
    }
}

impl<'de> Deserialize<'de> for RequestHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

scenario_value!(
    RequestPath, "Path", {"type": "string", "pattern": "^/[^#\\s]*$", "maxLength": MAX_PATH},
    String, |text: String| RequestPath::new(&text)
);
scenario_value!(LoadUrl, "Url", {"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\\s]+/?$"});
scenario_value!(UrlHost, "Address", {"type": "string", "pattern": "^[0-9A-Za-z_.:$()-]+$"});
scenario_value!(RequestMethod, "Method", {"enum": METHODS}, String, |text: String| RequestMethod::new(&text));
scenario_value!(ExpectedStatus, "Status", {"type": "integer", "minimum": 200, "maximum": 599}, i64, ExpectedStatus::new);
scenario_value!(
    ResponseHeader, "HeaderName", {"type": "string", "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"},
    String, |text: String| header_name(&text).map(ResponseHeader)
);
scenario_value!(RequestHeaders, "Headers", {
    "type": "object",
    "propertyNames": {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"},
    "additionalProperties": {"type": "string"},
    "maxProperties": MAX_HEADERS
});
