//! `$(NAME)` in commands, arguments and environment values (`third_party/forked/golang/expansion/expand.go`, v1.34).

use std::collections::BTreeMap;

/// Replaces each `$(NAME)` that `env` knows. `$$` is one `$`, so `$$(NAME)` stays as `$(NAME)`; an unknown name and
/// anything else stay as written.
pub(crate) fn expand(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let reference = after.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        if let Some((name, tail)) = reference {
            match env.get(name) {
                Some(value) => out.push_str(value),
                None => out.extend(["$(", name, ")"]),
            }
            rest = tail;
        } else if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_escapes_and_leftovers() {
        let env = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("B".to_owned(), "$(A)".to_owned())]);
        for (text, expected) in [
            ("x$(A)y", "x1y"),
            ("$(A)$(A)", "11"),
            ("$(B)", "$(A)"),
            ("$(NONE)", "$(NONE)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$$$$(A)", "$$(A)"),
            ("cost: 5$", "cost: 5$"),
            ("$A ${A}", "$A ${A}"),
            ("$(A", "$(A"),
            ("\u{e4}$(A)\u{f6}", "\u{e4}1\u{f6}"),
        ] {
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }
}
