//! One kind of request.

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};

use super::adapters::text;
use super::{Arm, Door};

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestSpec {
    /// Where it goes; `None` for the URL where the load has one, else the Service. [`LoadSpec::door`](super::LoadSpec::door) decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<Door>,
    /// Its method.
    #[serde(with = "text")]
    pub method: Method,
    /// Its target in origin form, for example `/slow?ms=6000`.
    #[serde(with = "text")]
    pub path: PathAndQuery,
    /// Its headers, in their order; a `Host` only if the user sets it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderSpec>,
    /// Its body, empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// The statuses that are expected; empty for any 2xx or 3xx.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<u16>,
    /// The share of all requests that are of this kind, 0 to 1.
    pub share: f64,
    /// The part of this kind's requests that each arm carries, 0 to 1.
    pub arms: Vec<(Arm, f64)>,
}

/// A header of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderSpec {
    /// Its name.
    #[serde(with = "text")]
    pub name: HeaderName,
    /// Its value.
    #[serde(flatten)]
    pub value: HeaderText,
}

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderText {
    /// Visible ASCII, as it is sent.
    Value(String),
    /// A credential's hash: what a record holds of one. It cannot be sent.
    Hash(String),
}

impl RequestSpec {
    /// `GET` of `path` on these arms, expecting any 2xx or 3xx, as the only kind.
    #[must_use]
    pub fn get(path: PathAndQuery, arms: Vec<(Arm, f64)>) -> Self {
        let (headers, body, statuses) = (Vec::new(), String::new(), Vec::new());
        Self { door: None, method: Method::GET, path, headers, body, statuses, share: 1.0, arms }
    }

    /// With a header more.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push(HeaderSpec { name, value: HeaderText::Value(value.to_owned()) });
        self
    }

    /// Whether `status` is expected.
    #[must_use]
    pub fn accepts(&self, status: u16) -> bool {
        if self.statuses.is_empty() { (200..400).contains(&status) } else { self.statuses.contains(&status) }
    }

    /// The headers that can be sent.
    #[must_use]
    pub fn header_map(&self) -> HeaderMap {
        let sent = self.headers.iter().filter_map(|header| match &header.value {
            HeaderText::Value(value) => Some((header.name.clone(), HeaderValue::from_str(value).ok()?)),
            HeaderText::Hash(_) => None,
        });
        let mut map = HeaderMap::new();
        for (name, value) in sent {
            map.append(name, value);
        }
        map
    }
}
