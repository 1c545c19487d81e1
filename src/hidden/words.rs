//! What would have hidden an attempt, in words that continue "lost".

use super::client::{Client, connect_failed, hides};
use super::facts::AttemptFacts;

/// Which clients an attempt fails for and which hide it, without a full stop: `lost for reqwest and curl, hidden by
/// Go`. `failed` says what became of it: `lost`, `raced` or `unsent`.
pub(crate) fn describe(failed: &str, attempt: &AttemptFacts<'_>) -> String {
    let (hidden, seen): (Vec<Client>, Vec<Client>) =
        Client::ALL.into_iter().partition(|client| hides(*client, attempt));
    if attempt.reused.is_none() && !connect_failed(attempt.outcome) {
        return format!("{failed} for reqwest; for other clients this arm does not tell");
    }
    if hidden.is_empty() {
        return format!("{failed} for every common client and proxy");
    }
    // What proxies do is told where they help; where they do not, the client's own name is enough.
    let seen: Vec<&str> = seen.into_iter().filter(|client| is_client(*client)).map(Client::words).collect();
    let hidden: Vec<&str> = hidden.into_iter().map(Client::words).collect();
    if seen.is_empty() {
        return format!("hidden by {}", listed(&hidden));
    }
    format!("{failed} for {}, hidden by {}", listed(&seen), listed(&hidden))
}

/// An application's client, not a proxy.
const fn is_client(client: Client) -> bool {
    matches!(client, Client::Reqwest | Client::Go | Client::Java | Client::Curl)
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Outcome;

    #[test]
    fn the_line_says_who_sees_it_and_who_does_not() {
        let refused = AttemptFacts { method: "GET", outcome: Outcome::Refused, reused: Some(false) };
        assert_eq!(
            describe("lost", &refused),
            "lost for reqwest, Go and curl, hidden by Java, nginx and proxies that repeat a failed connect"
        );
        let post = AttemptFacts { method: "POST", outcome: Outcome::ClosedBeforeByte, reused: Some(true) };
        assert_eq!(describe("lost", &post), "lost for reqwest, Go and Java, hidden by curl");
        let cut = AttemptFacts { outcome: Outcome::BodyReset, ..post };
        assert_eq!(describe("lost", &cut), "lost for every common client and proxy");
        let unsent = AttemptFacts { method: "GET", outcome: Outcome::Unsent, reused: Some(true) };
        let pooled = AttemptFacts { reused: None, ..post };
        assert_eq!(describe("lost", &pooled), "lost for reqwest; for other clients this arm does not tell");
        let pooled = AttemptFacts { reused: None, ..refused };
        assert_eq!(describe("lost", &pooled), describe("lost", &refused));
        assert!(describe("unsent", &unsent).starts_with("hidden by reqwest, Go, Java,"));
    }
}
