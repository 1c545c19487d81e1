//! The one command that runs a variant of a record again. Pure.

use super::header::Header;

/// The command line that rolls `variant` again until a loss shows, from the record in `directory`, each word quoted for a POSIX
/// shell. A run on a real cluster names it: nothing is done to a cluster that the user does not name.
///
/// What the record holds hashed only (Secrets, credentials in request headers) is not part of it; the command says what to give.
#[must_use]
pub fn reproduction_command(header: &Header, variant: &str, directory: &str) -> String {
    // A word that begins like an option would be taken for one.
    let directory = if directory.starts_with('-') { format!("./{directory}") } else { directory.to_owned() };
    let mut words = vec!["rollproof".to_owned(), "run".to_owned(), "--from".to_owned(), quoted(&directory)];
    words.extend(["--variant".to_owned(), quoted(variant), "--until-loss".to_owned()]);
    let cluster = header.spec.settings.cluster.choice.as_str();
    if !matches!(cluster, "embedded" | "context") {
        words.extend(["--cluster".to_owned(), quoted(cluster)]);
    }
    words.join(" ")
}

/// The word as a POSIX shell (section 2.2.2, single quotes) reads it back.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_./:=@%+,-".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    #[test]
    fn the_command_names_record_and_variant() {
        let header = sample::header();
        assert_eq!(
            reproduction_command(&header, "without-prestop", "reports/apache-20261123T100000"),
            "rollproof run --from reports/apache-20261123T100000 --variant without-prestop --until-loss"
        );
        assert_eq!(
            reproduction_command(&header, "web", "my run; rm -rf 'x'"),
            r"rollproof run --from 'my run; rm -rf '\''x'\''' --variant web --until-loss"
        );
        assert!(reproduction_command(&header, "web", "-x").contains("--from ./-x "));
        assert!(reproduction_command(&header, "web", "").contains("--from '' "));
    }

    #[test]
    fn a_real_cluster_is_named() {
        let mut header = sample::header();
        header.spec.settings.cluster.choice = "kind".to_owned();
        assert!(reproduction_command(&header, "web", "d").ends_with("--until-loss --cluster kind"));
        header.spec.settings.cluster.choice = "context:shop's".to_owned();
        assert!(reproduction_command(&header, "web", "d").ends_with(r"--cluster 'context:shop'\''s'"));
        header.spec.settings.cluster.choice = "embedded".to_owned();
        assert!(reproduction_command(&header, "web", "d").ends_with("--until-loss"));
    }

    #[test]
    fn a_shell_reads_the_words_back() {
        for word in ["plain", "with space", "it's", "$HOME `id` \"x\" \\", "*", "new\nline", "ä"] {
            let command = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word, "{command}");
        }
    }
}
