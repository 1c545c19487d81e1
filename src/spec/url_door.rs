//! A URL as the way to what is measured, in place of the Service.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::own_namespace::{OWN_NAMESPACE, named};

/// The longest name of DNS (RFC 1035).
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;
const EXPECTED: &str = "expected one such as https://shop.example/ or http://192.0.2.10:8080/";

/// A URL as the way to what is measured, in place of the Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlDoor {
    /// Where the requests go; their paths are their own.
    pub url: LoadUrl,
    /// The address that its name is taken to have, or another name that has it; `None` asks the system's resolver for the URL's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve: Option<UrlHost>,
    /// The Service, in the workload's namespace, of the proxy that answers there; `None` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
}

impl UrlDoor {
    /// The door of a variant that lives in `namespace`.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str) -> Self {
        let url = LoadUrl { host: self.url.host.in_namespace(namespace), ..self.url.clone() };
        Self { url, resolve: self.resolve.as_ref().map(|host| host.in_namespace(namespace)), proxy: self.proxy.clone() }
    }
}

/// Scheme, host and port of a URL without a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LoadUrl {
    https: bool,
    host: UrlHost,
    port: u16,
}

/// The host of a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum UrlHost {
    /// A name of DNS, in which [`OWN_NAMESPACE`] may stand.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl UrlHost {
    fn in_namespace(&self, namespace: &str) -> Self {
        match self {
            Self::Name(name) => Self::Name(named(name, namespace)),
            Self::Address(_) => self.clone(),
        }
    }
}

impl fmt::Display for UrlHost {
    /// Without brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl From<UrlHost> for String {
    fn from(host: UrlHost) -> Self {
        host.to_string()
    }
}

impl TryFrom<String> for UrlHost {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for UrlHost {
    type Err = String;

    /// Reads an address, without brackets, or a name.
    fn from_str(text: &str) -> Result<Self, String> {
        let read =
            text.parse().map(Self::Address).ok().or_else(|| host_of(text).ok().filter(|_| !text.starts_with('[')));
        read.ok_or_else(|| {
            format!(
                "the address is `{}`, expected one such as 192.0.2.10 or 2001:db8::1, or a name of DNS",
                shown(text)
            )
        })
    }
}

impl LoadUrl {
    /// Whether it asks for TLS.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// The port, also where the URL leaves it to its scheme.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The name or the address, without brackets.
    #[must_use]
    pub fn host(&self) -> String {
        self.host.to_string()
    }

    /// The address, if the URL holds one in place of a name.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match &self.host {
            UrlHost::Name(_) => None,
            UrlHost::Address(address) => Some(*address),
        }
    }

    /// Host and port as a `Host` header says them: without the port that the scheme has anyway.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = match &self.host {
            UrlHost::Address(IpAddr::V6(address)) => format!("[{address}]"),
            UrlHost::Name(_) | UrlHost::Address(IpAddr::V4(_)) => self.host(),
        };
        if self.port == usual_port(self.https) { host } else { format!("{host}:{}", self.port) }
    }
}

const fn usual_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

impl fmt::Display for LoadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http{}://{}/", if self.https { "s" } else { "" }, self.authority())
    }
}

impl From<LoadUrl> for String {
    fn from(url: LoadUrl) -> Self {
        url.to_string()
    }
}

impl TryFrom<String> for LoadUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for LoadUrl {
    type Err = String;

    /// Reads a URL, or says what is wrong with it. What may be a password is not shown.
    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| format!("the URL has no scheme, {EXPECTED}"))?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(format!("the URL's scheme is `{}`, expected http or https", shown(scheme))),
        };
        let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(format!(
                "the URL holds a user or a password, {EXPECTED}; give credentials as a header of the requests"
            ));
        }
        if !matches!(after, "" | "/") {
            return Err(
                "the URL has a path, a query or a fragment, expected none; paths belong to the requests".to_owned()
            );
        }
        let (host, port) = host_and_port(authority)?;
        Ok(Self { https, host: host_of(host)?, port: port.map_or(Ok(usual_port(https)), port_of)? })
    }
}

/// The host, in its brackets if it has any, and what follows a colon after it.
fn host_and_port(authority: &str) -> Result<(&str, Option<&str>), String> {
    let end = match authority.strip_prefix('[') {
        Some(inner) => 2 + inner.find(']').ok_or_else(|| format!("the URL's address has no `]`, {EXPECTED}"))?,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(end);
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(format!("the URL's host is `{}`, {EXPECTED}", shown(authority))),
    }
}

fn port_of(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = if digits { text.parse().ok().filter(|port| *port != 0) } else { None };
    port.ok_or_else(|| format!("the URL's port is `{}`, expected 1 to 65535", shown(text)))
}

fn host_of(text: &str) -> Result<UrlHost, String> {
    let refused = || {
        format!(
            "the URL's host is `{}`, expected a DNS name, an IPv4 address, or an IPv6 address in brackets",
            shown(text)
        )
    };
    if let Some(inner) = text.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        return address.map(|address| UrlHost::Address(IpAddr::V6(address))).ok_or_else(refused);
    }
    // A last label of digits makes it an address (the URL standard), and not one of DNS.
    let last = text.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        let address = text.parse::<Ipv4Addr>().ok();
        return address.map(|address| UrlHost::Address(IpAddr::V4(address))).ok_or_else(refused);
    }
    let label = |label: &str| {
        let letters = label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        letters && (1..=LABEL_MAX).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    // A namespace is letters, digits and `-`.
    let usual = named(text, "n");
    let fits = usual.len() <= NAME_MAX && usual.split('.').all(label);
    let parts = || text.split(OWN_NAMESPACE).map(str::to_ascii_lowercase).collect::<Vec<_>>();
    fits.then(|| UrlHost::Name(parts().join(OWN_NAMESPACE))).ok_or_else(refused)
}

fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<LoadUrl, String> {
        text.parse()
    }

    #[test]
    fn a_url_is_scheme_host_and_port() {
        for (text, whole, host, port) in [
            ("https://shop.example", "https://shop.example/", "shop.example", 443),
            ("http://shop.example/", "http://shop.example/", "shop.example", 80),
            ("HTTPS://Shop.Example:443/", "https://shop.example/", "shop.example", 443),
            ("http://a_b.c-d:65535", "http://a_b.c-d:65535/", "a_b.c-d", 65_535),
            ("https://192.0.2.10:8443/", "https://192.0.2.10:8443/", "192.0.2.10", 8_443),
            ("http://[2001:db8::1]/", "http://[2001:db8::1]/", "2001:db8::1", 80),
            ("https://[::1]:1/", "https://[::1]:1/", "::1", 1),
        ] {
            let url = read(text).unwrap();
            assert_eq!((url.to_string().as_str(), url.host().as_str(), url.port()), (whole, host, port));
            assert_eq!(read(whole).unwrap(), url, "what is written is read again");
            assert_eq!(url.address().is_some(), host.parse::<IpAddr>().is_ok());
        }
        assert_eq!(read("https://[::1]:444/").unwrap().authority(), "[::1]:444");
        assert_eq!(read("https://a:80").unwrap().authority(), "a:80", "the port of the other scheme");
    }

    #[test]
    fn a_name_may_hold_the_namespace_of_the_variant() {
        let url = "http://Proxy.$(ROLLPROOF_NAMESPACE).svc:81/";
        let resolve = Some("gate.$(ROLLPROOF_NAMESPACE).svc".parse().unwrap());
        let door = UrlDoor { url: read(url).unwrap(), resolve, proxy: None };
        let json = serde_json::to_string(&door).unwrap();
        assert_eq!(serde_json::from_str::<UrlDoor>(&json).unwrap(), door);
        assert!(json.contains("$(ROLLPROOF_NAMESPACE)"), "{json}");
        let there = door.in_namespace("shop-a");
        assert_eq!(there.url.to_string(), "http://proxy.shop-a.svc:81/");
        assert_eq!(there.resolve.unwrap().to_string(), "gate.shop-a.svc");
        for wrong in
            ["http://$(ROLLPROOF_TRIAL).svc/", "http://$(rollproof_namespace).svc/", "http://a$(ROLLPROOF_NAMESPACE/"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_name_resolves_to_is_an_address_or_a_name() {
        let host = |text: &str| text.parse::<UrlHost>();
        assert_eq!(host("2001:db8::1"), Ok(UrlHost::Address("2001:db8::1".parse().unwrap())));
        assert_eq!(host("gate.example"), Ok(UrlHost::Name("gate.example".to_owned())));
        for wrong in ["", "[::1]", "a b", "300.1.1.1", "a:80", "http://a/"] {
            let error = host(wrong).unwrap_err();
            assert!(error.contains("expected one such as 192.0.2.10"), "{wrong}: {error}");
        }
    }

    #[test]
    fn what_is_no_such_url_is_refused_and_no_password_is_shown() {
        for (text, told) in [
            ("shop.example", "no scheme"),
            ("ftp://shop.example/", "expected http or https"),
            ("//shop.example/", "no scheme"),
            ("https://me:hunter2@shop.example/", "a user or a password"),
            ("https://me@shop.example/", "a user or a password"),
            ("https://shop.example/cart", "paths belong to the requests"),
            ("https://shop.example?a=hunter2", "paths belong to the requests"),
            ("https://shop.example/#top", "paths belong to the requests"),
            ("https://shop.example:0/", "expected 1 to 65535"),
            ("https://shop.example:65536/", "expected 1 to 65535"),
            ("https://shop.example:/", "expected 1 to 65535"),
            ("https://shop.example:+80/", "expected 1 to 65535"),
            ("https://shop.example:80:81/", "expected 1 to 65535"),
            ("https:///", "the URL's host is ``"),
            ("https://-a.example/", "expected a DNS name"),
            ("https://a..example/", "expected a DNS name"),
            ("https://b\u{fc}cher.example/", "expected a DNS name"),
            ("https://a b/", "expected a DNS name"),
            ("https://a\r\nb/", "expected a DNS name"),
            ("https://300.1.1.1/", "expected a DNS name"),
            ("https://0x7f.1/", "expected a DNS name"),
            ("https://[::1/", "no `]`"),
            ("https://[::1]x/", "the URL's host is"),
            ("https://[fe80::1%25eth0]/", "IPv6 address in brackets"),
            ("https://::1/", "IPv6 address in brackets"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
            assert!(!error.contains("hunter2") && !error.contains('\r'), "{error}");
        }
        assert!(read(&format!("https://{}a/", "a.".repeat(200))).is_err(), "too long");
    }
}
