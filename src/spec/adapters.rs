//! Serde for types that do not serialise by themselves.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// A duration in whole nanoseconds.
pub(super) mod nanoseconds {
    use super::{Deserialize, Deserializer, Duration, Serializer};
    use crate::clock::saturating_ns;

    pub(in crate::spec) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(saturating_ns(*time))
    }

    pub(in crate::spec) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_nanos)
    }
}

/// A type that is written as its text and read by parsing it: HTTP methods, header names, paths.
pub(super) mod text {
    use std::borrow::Cow;
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;

    use super::{Deserialize, Deserializer, Serializer};

    pub(in crate::spec) fn serialize<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_string())
    }

    pub(in crate::spec) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| D::Error::custom(format!("`{}`: {error}", text.escape_debug())))
    }
}

/// The same of one that may be missing.
pub(super) mod optional_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use super::{Deserialize, Deserializer, Serializer, text};

    #[derive(Deserialize)]
    #[serde(bound(deserialize = "T: FromStr<Err: Display>"))]
    struct Known<T>(#[serde(with = "text")] T);

    #[expect(clippy::ref_option, reason = "serde passes it so")]
    pub(in crate::spec) fn serialize<T: ToString, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => text::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::spec) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        Ok(Option::<Known<T>>::deserialize(deserializer)?.map(|Known(value)| value))
    }
}
