//! Credentials in command lines, in paths with a query, and in messages of libraries.

use super::credential::is_credential;

/// The path with what `hide` makes of the values of credential-like parameters.
pub(crate) fn hide_in_path(path: &str, hide: &mut dyn FnMut(&str) -> String) -> String {
    let Some((before, query)) = path.split_once('?') else { return path.to_owned() };
    let parameter = |part: &str| match part.split_once('=') {
        Some((name, value)) if !value.is_empty() && is_credential(&decoded(name)) => format!("{name}={}", hide(value)),
        _ => part.to_owned(),
    };
    let parts: Vec<String> = query.split('&').map(parameter).collect();
    format!("{before}?{}", parts.join("&"))
}

/// A parameter's name may be written with `%` and two digits for each letter.
fn decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The body of a request: `hide` takes all of it where a word of it names a credential.
pub(crate) fn hide_in_body(body: &str, hide: &mut dyn FnMut(&str) -> String) -> String {
    let names = body.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
    if names.into_iter().any(is_credential) { hide(body) } else { body.to_owned() }
}

/// The words of a command with what `hide` makes of the credentials in them: `--token X`, `--token=X`, `PASSWORD=X` and
/// `https://user:X@host`, also inside a word that is a script.
pub(crate) fn hide_in_words(words: &[String], hide: &mut dyn FnMut(&str) -> String) -> Vec<String> {
    let mut follows = false;
    let mut hidden = Vec::with_capacity(words.len());
    for word in words {
        let value = follows && !word.starts_with('-') && !is_reference(word);
        let shown = if value { hide(word) } else { hide_in_script(word, hide) };
        follows = is_bare_flag(word);
        hidden.push(shown);
    }
    hidden
}

fn is_bare_flag(word: &str) -> bool {
    word.starts_with('-') && !word.contains(|c: char| c == '=' || c.is_whitespace()) && is_credential(word)
}

/// The same in one word, which may be a script: its pieces between spaces and quotes.
fn hide_in_script(script: &str, hide: &mut dyn FnMut(&str) -> String) -> String {
    let between = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | ',');
    let mut shown = String::with_capacity(script.len());
    let mut rest = script;
    // What comes next is the value of what came before.
    let mut follows = false;
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|c| follows && matches!(c, '"' | '\''));
        if let Some((value, after)) = quote.and_then(|quote| rest[1..].split_once(quote)) {
            let quote = &rest[..1];
            let inner = if is_reference(value) { value.to_owned() } else { hide(value) };
            shown.extend([quote, &inner, quote]);
            (rest, follows) = (after, false);
            continue;
        }
        let length = rest.find(between).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(length);
        if !piece.is_empty() {
            let scheme = follows && is_scheme(piece);
            if follows && !scheme && !piece.starts_with('-') {
                shown.push_str(&if is_reference(piece) { piece.to_owned() } else { hide(piece) });
                follows = false;
            } else {
                shown.push_str(&hide_in_piece(piece, hide));
                follows = scheme || is_bare_flag(piece) || (piece.ends_with([':', '=']) && is_credential(piece));
            }
        }
        let divider = after.chars().next().map_or(0, char::len_utf8);
        let quoted = after.starts_with(['"', '\'']) && follows;
        let divider = if quoted && !piece.is_empty() { 0 } else { divider };
        shown.push_str(&after[..divider]);
        rest = &after[divider..];
    }
    shown
}

/// Whether a value is a reference to a variable, or what another command says, and no credential itself.
pub(super) fn is_reference(value: &str) -> bool {
    value.strip_prefix('$').is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || "_({".contains(c)))
}

/// `Authorization: Bearer X`: the credential is the word after the scheme (RFC 9110 section 11.4).
fn is_scheme(piece: &str) -> bool {
    ["bearer", "basic", "token", "digest"].iter().any(|scheme| piece.eq_ignore_ascii_case(scheme))
}

fn hide_in_piece(piece: &str, hide: &mut dyn FnMut(&str) -> String) -> String {
    if let Some((before, after)) = piece.split_once("://") {
        let host = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (authority, path) = after.split_at(host);
        let authority = match authority.rsplit_once('@').map(|(user, host)| (user.split_once(':'), host)) {
            Some((Some((user, password)), host)) if !password.is_empty() => format!("{user}:{}@{host}", hide(password)),
            _ => authority.to_owned(),
        };
        return format!("{before}://{authority}{}", hide_in_path(path, hide));
    }
    // Also of `--from-literal=password=X`.
    let mut start = 0;
    for (at, _) in piece.match_indices(['=', ':']) {
        let (name, value) = (&piece[start..at], &piece[at + 1..]);
        if !value.is_empty() && is_credential(name) && !is_reference(value) {
            return format!("{}{}", &piece[..=at], hide(value));
        }
        start = at + 1;
    }
    piece.to_owned()
}

/// A message of a parser without the texts that it quotes: what stands in quotes after the name of a type was in the input.
pub(crate) fn without_quoted(message: &str) -> String {
    let mut shown = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find("string \"") {
        let (before, quoted) = rest.split_at(at + "string".len());
        shown.push_str(before);
        let mut escaped = false;
        let end = quoted.char_indices().skip(2).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        rest = end.map_or("", |(end, _)| &quoted[end + 1..]);
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::super::short_hash;
    use super::*;

    fn hide(_: &str) -> String {
        "***".to_owned()
    }

    #[test]
    fn credentials_of_a_query_are_hidden_and_the_rest_stays() {
        for (path, expected) in [
            ("/", "/"),
            ("/slow?ms=100", "/slow?ms=100"),
            ("/?token=marked", "/?token=***"),
            ("/a?ms=1&sig=marked=&b", "/a?ms=1&sig=***&b"),
            ("/a?%74oken=marked&token", "/a?%74oken=***&token"),
            ("/token/x?author=me", "/token/x?author=me"),
            ("/?%zz=1&%=2", "/?%zz=1&%=2"),
        ] {
            assert_eq!(hide_in_path(path, &mut hide), expected);
        }
    }

    #[test]
    fn credentials_of_a_command_are_hidden_and_the_rest_stays() {
        let of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            hide_in_words(&words, &mut hide).join(" ")
        };
        for (words, expected) in [
            (&["helm", "upgrade", "web", "./chart"][..], "helm upgrade web ./chart"),
            (&["helm", "--password", "marked", "--wait"], "helm --password *** --wait"),
            (&["helm", "--password=marked"], "helm --password=***"),
            (&["env", "DB_PASSWORD=marked", "x"], "env DB_PASSWORD=*** x"),
            (&["kubectl", "--from-literal=password=marked=", "a:b=c"], "kubectl --from-literal=password=*** a:b=c"),
            (&["git", "clone", "https://me:marked@host/x?token=marked"], "git clone https://me:***@host/x?token=***"),
            (&["sh", "-c", "curl -H 'X-Token: marked' \"$U\""], "sh -c curl -H 'X-Token: ***' \"$U\""),
            (&["curl", "-H", "Authorization: Bearer marked"], "curl -H Authorization: Bearer ***"),
            (&["sh", "-c", "x --password=\"marked marked\" --y 'z'"], "sh -c x --password=\"***\" --y 'z'"),
            (&["sh", "-c", "x --token 'marked\"marked' z"], "sh -c x --token '***' z"),
            (&["sh", "-c", "x --token '"], "sh -c x --token '"),
            (&["sh", "-c", "sleep 3; apachectl -k graceful-stop"], "sh -c sleep 3; apachectl -k graceful-stop"),
            (&["a", "--token", "--other"], "a --token --other"),
            (
                &["sh", "-c", "TOKEN=$(cat /t) PASSWORD=$P x --key \"$K\" --pw $6$marked"],
                "sh -c TOKEN=$(cat /t) PASSWORD=$P x --key \"$K\" --pw ***",
            ),
        ] {
            assert_eq!(of(words), expected);
        }
    }

    #[test]
    fn what_hides_a_credential_is_found_again() {
        let words =
            ["curl", "-H", "Authorization: Bearer a", "--token", "b", "U=https://u:c@h/?sig=d", "--key=\"e f\""];
        let words: Vec<String> = words.map(str::to_owned).to_vec();
        let mut found = Vec::new();
        let hidden = hide_in_words(&words, &mut |text| {
            found.push(text.to_owned());
            short_hash(text)
        });
        assert_eq!(found, ["a", "b", "c", "d", "e f"]);
        let mut again = Vec::new();
        let restored = hide_in_words(&hidden, &mut |text| {
            again.push(text.to_owned());
            found.iter().find(|known| short_hash(known) == text).cloned().unwrap_or_default()
        });
        assert_eq!((again.len(), restored), (5, words));
    }

    #[test]
    fn a_parser_s_message_loses_what_it_quotes() {
        assert_eq!(
            without_quoted("users: invalid type: string \"mar\\\"ked\", expected a map at line 3"),
            "users: invalid type: string, expected a map at line 3"
        );
        assert_eq!(without_quoted("invalid type: string \"mar"), "invalid type: string");
        assert_eq!(without_quoted("nothing \"here\""), "nothing \"here\"");
    }
}
