//! What stands in the place of a value.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

const PREFIX: &str = "sha256:";
/// Hexadecimal digits of the SHA-256 that are kept.
const DIGITS: usize = 12;

/// `sha256:` and the first 12 hex digits of a text's SHA-256: equal texts stay equal, and a text can be checked against
/// it. It is not salted, so that it can be compared between runs; short or common secrets could be guessed from it.
pub(crate) fn short_hash(text: &str) -> String {
    let hex = format!("{:x}", Sha256::digest(text.as_bytes()));
    format!("{PREFIX}{}", &hex[..DIGITS])
}

/// The hash that stands in the place of a value of a Secret.
pub(crate) fn hash_of(value: &Value) -> String {
    value.as_str().map_or_else(|| short_hash(&value.to_string()), short_hash)
}

/// Whether `text` is what stands in the place of a value.
pub(crate) fn is_hash(text: &str) -> bool {
    let digits = text.strip_prefix(PREFIX).unwrap_or_default();
    digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Values that a user gives again, by their hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GivenSecrets(BTreeMap<String, String>);

impl GivenSecrets {
    pub(crate) fn add(&mut self, value: &str) {
        self.0.insert(short_hash(value), value.to_owned());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// The value whose hash this is.
    pub(crate) fn of(&self, hash: &str) -> Option<&str> {
        self.0.get(hash).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_beginning_of_sha_256() {
        // The SHA-256 of "abc" in FIPS 180-4.
        assert_eq!(short_hash("abc"), "sha256:ba7816bf8f01");
    }

    #[test]
    fn what_is_given_again_is_found_by_its_hash() {
        let mut given = GivenSecrets::default();
        given.add("abc");
        assert_eq!((given.of(&short_hash("abc")), given.of(&short_hash("def"))), (Some("abc"), None));
        assert!(is_hash(&short_hash("abc")) && !is_hash("sha256:") && !is_hash("abc"));
        assert!(!is_hash(&format!("sha256:{}", "a".repeat(64))), "a digest of an image");
    }
}
