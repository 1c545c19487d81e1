//! Parts of an HTTP request as a scenario writes them, checked where they are read.

use std::borrow::Cow;

use http::{HeaderName, StatusCode, uri::PathAndQuery};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::spec::{HeaderSpec, HeaderText};

/// The most headers of a request.
const MAX_HEADERS: usize = 64;
/// The longest path with query, in bytes.
const MAX_PATH: usize = 8 * 1024;

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

/// A path with query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath(pub PathAndQuery);

impl RequestPath {
    /// A path, or what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let fits = text.starts_with('/') && text.len() <= MAX_PATH && !text.contains('#');
        let shown = text.chars().take(80).flat_map(char::escape_debug).collect::<String>();
        fits.then(|| text.parse().ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| format!("the path is `{shown}`, expected one that begins with `/`, such as /slow?ms=100"))
    }
}

/// A request's method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestMethod(pub http::Method);

/// A status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedStatus(pub u16);

/// The name of a response header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodHeader(pub HeaderName);

/// A request's headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestHeaders(pub Vec<HeaderSpec>);

impl<'de> Deserialize<'de> for RequestPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for RequestMethod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = METHODS.contains(&text.as_str()).then(|| text.parse().ok()).flatten();
        known.map(Self).ok_or_else(|| {
            D::Error::custom(format!("the method is `{}`, expected one of {}", text.escape_debug(), METHODS.join(", ")))
        })
    }
}

impl<'de> Deserialize<'de> for ExpectedStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        let status = u16::try_from(number).ok().and_then(|n| StatusCode::from_u16(n).ok());
        match status {
            Some(status) if (200..600).contains(&status.as_u16()) => Ok(Self(status.as_u16())),
            _ => Err(D::Error::custom(format!("the status is {number}, expected 200 to 599"))),
        }
    }
}

impl<'de> Deserialize<'de> for PodHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        header_name(&String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

fn header_name(text: &str) -> Result<HeaderName, String> {
    text.parse().map_err(|_| {
        let shown = text.chars().take(80).flat_map(char::escape_debug).collect::<String>();
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
        let mut headers: Vec<HeaderSpec> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, String>()? {
            let name = header_name(&name).map_err(A::Error::custom)?;
            let value = header_value(&name, value).map_err(A::Error::custom)?;
            if headers.len() >= MAX_HEADERS {
                return Err(A::Error::custom(format!("there are more than {MAX_HEADERS} headers, expected fewer")));
            }
            if headers.iter().any(|known| known.name == name) {
                return Err(A::Error::custom(format!("the header {name} appears twice, expected it once")));
            }
            headers.push(HeaderSpec { name, value });
        }
        Ok(RequestHeaders(headers))
    }
}

fn header_value(name: &HeaderName, text: String) -> Result<HeaderText, String> {
    if OWN_HEADERS.contains(&name.as_str()) {
        return Err(format!("the header {name} is set by the load itself, expected others; choose arms instead"));
    }
    if text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
        return Ok(HeaderText::Value(text));
    }
    // The value is not shown: it may be a credential.
    Err(format!(
        "the value of the header {name} has a line break or another character that no header may hold, expected visible ASCII"
    ))
}

impl<'de> Deserialize<'de> for RequestHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

macro_rules! schema {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

schema!(RequestPath, "Path", {"type": "string", "pattern": "^/[^#\\s]*$", "maxLength": MAX_PATH});
schema!(RequestMethod, "Method", {"enum": METHODS});
schema!(ExpectedStatus, "Status", {"type": "integer", "minimum": 200, "maximum": 599});
schema!(PodHeader, "HeaderName", {"type": "string", "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"});
schema!(RequestHeaders, "Headers", {
    "type": "object",
    "propertyNames": {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"},
    "additionalProperties": {"type": "string"},
    "maxProperties": MAX_HEADERS
});
