//! Names whose values are credentials, of headers, query parameters, variables and flags alike.

/// Parts of a word that show it to name a credential.
const PARTS: [&str; 15] = [
    "apikey",
    "accesskey",
    "auth",
    "cookie",
    "credential",
    "csrf",
    "jwt",
    "passphrase",
    "passw",
    "privatekey",
    "secret",
    "session",
    "signature",
    "token",
    "xsrf",
];

/// Words that are credentials only where they stand alone: `key` of `x-functions-key`, and not of `monkey`.
const WORDS: [&str; 16] = [
    "assertion",
    "bearer",
    "creds",
    "hmac",
    "jws",
    "key",
    "keys",
    "nonce",
    "otp",
    "pass",
    "pin",
    "psk",
    "pw",
    "pwd",
    "sid",
    "sig",
];

/// Words in which a part means something else.
const HARMLESS: [&str; 4] = ["author", "authority", "authors", "authored"];

/// Whether what is called `name` is a credential, or may be. One too many has to be given again; one too few would stand in a
/// file that people hand on.
pub(crate) fn is_credential(name: &str) -> bool {
    let words = words(name);
    let harmless = |word: &str| HARMLESS.contains(&word);
    // Also over the borders of words: `api-key`, `API_KEY` and `apiKey` are `apikey`.
    let joined: String = words.iter().filter(|word| !harmless(word)).map(String::as_str).collect();
    words.iter().any(|word| WORDS.contains(&word.as_str())) || PARTS.iter().any(|part| joined.contains(part))
}

/// The words of a name, in lower case: divided by everything that is no letter, and where a capital follows a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for letter in name.chars() {
        let divides = !letter.is_alphanumeric() || (small && letter.is_uppercase());
        small = letter.is_lowercase();
        if divides {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_judged_by_its_words() {
        for name in [
            "Authorization",
            "X-JWT",
            "X-CSRF",
            "x-xsrf-token",
            "Ocp-Apim-Subscription-Key",
            "x-functions-key",
            "x-access-key",
            "Cf-Access-Jwt-Assertion",
            "X-Api-Key",
            "apiKey",
            "Cookie",
            "DB_PASSWORD",
            "PGPASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "sig",
            "access_token",
            "--db-pass",
            "X-Amz-Signature",
            "OAuth-Code",
        ] {
            assert!(is_credential(name), "{name}");
        }
        for name in [
            "Accept",
            "X-Pod",
            "monkey",
            "author",
            "X-Request-Id",
            "PATH",
            "page",
            "design",
            "ms",
            "size",
            "spinner",
            "",
        ] {
            assert!(!is_credential(name), "{name}");
        }
    }
}
