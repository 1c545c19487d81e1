//! What may be shown of text that can hold a credential: the one rule for Secrets, headers, query parameters, environment
//! variables, words of commands, and the lines that errors quote.
//!
//! A record holds a hash where a credential was, so that two runs can be compared and a value can be checked when it is given
//! again. Errors show neither. Must not know what any of it is for.
//!
//! - `credential`: names whose values are credentials
//! - `hash`: what stands in the place of a value
//! - `known`: credentials that a run knows by their values
//! - `object`: credentials in a manifest
//! - `quoted`: the line that an error shows
//! - `words`: credentials in command lines, paths and messages

mod credential;
mod hash;
mod known;
mod object;
mod quoted;
mod words;

pub(crate) use credential::is_credential;
pub(crate) use hash::{GivenSecrets, hash_of, is_hash, short_hash};
pub(crate) use known::KnownSecrets;
pub(crate) use object::{SECRET_DATA, hide_in, hide_last_applied, without_credentials};
pub(crate) use quoted::QuotedLine;
pub(crate) use words::{hide_in_body, hide_in_path, hide_in_words, without_quoted};

/// `text` up to so many characters.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
