//! TLS of the load's connections.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Characters of a line of PEM (RFC 7468).
const PEM_LINE: usize = 64;

/// TLS of the load's connections: whom they trust, and under which name the server is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSpec {
    /// The certificates of the trusted CAs as PEM, and nothing else; `None` for those of the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The name or address that the server's certificate must be for, and the name that is asked for (SNI); `None` for that of the
    /// URL or of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Any certificate is taken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
}

impl TlsSpec {
    /// Certificates as PEM.
    #[must_use]
    pub fn pem<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut pem = String::new();
        for der in certificates {
            pem += "-----BEGIN CERTIFICATE-----\n";
            for line in STANDARD.encode(der).as_bytes().chunks(PEM_LINE) {
                pem.extend(line.iter().copied().map(char::from));
                pem.push('\n');
            }
            pem += "-----END CERTIFICATE-----\n";
        }
        pem
    }
}
