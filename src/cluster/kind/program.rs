//! Runs a program of the user's: without a shell, for a bounded time, with the end of what it prints kept.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::error::KindError;

/// What is kept of a program's output for an error.
const SAID_MAX: usize = 2_000;
/// What is taken of an answer.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// Runs `program` with `arguments` and returns what it printed on standard output.
///
/// # Errors
/// It is missing, fails, or is not done in time; in the latter case it is killed.
pub(super) async fn run(
    doing: &str,
    program: &'static str,
    arguments: &[&str],
    within: Duration,
) -> Result<String, KindError> {
    let shown = format!("{program} {}", arguments.join(" "));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let failed = |status: String, said: &[u8]| KindError::Failed {
        doing: doing.to_owned(),
        command: shown.clone(),
        status,
        said: end_of(said),
    };
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => missing(program),
        _ => failed(error.to_string(), b""),
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut said = Vec::new();
    let finished = {
        let mut answer = Vec::new();
        let all = async {
            let ((), (), status) =
                tokio::join!(read(stdout, &mut answer, false), read(stderr, &mut said, true), child.wait());
            status
        };
        tokio::time::timeout(within, all).await.map(|status| (status, answer))
    };
    match finished {
        Ok((Ok(status), answer)) if status.success() => Ok(String::from_utf8_lossy(&answer).into_owned()),
        Ok((Ok(status), _)) => Err(failed(status.to_string(), &said)),
        Ok((Err(error), _)) => Err(failed(error.to_string(), &said)),
        Err(_) => Err(KindError::TooLong {
            doing: doing.to_owned(),
            command: shown,
            within_s: within.as_secs(),
            said: end_of(&said),
        }),
    }
}

/// Reads to the end, so that a full pipe stops nothing; keeps the beginning, or with `last` the end.
async fn read(from: Option<impl AsyncRead + Unpin>, to: &mut Vec<u8>, last: bool) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 8_192];
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0 {
            return;
        }
        if last || to.len() < ANSWER_MAX {
            to.extend_from_slice(&buffer[..read]);
        }
        if last && to.len() > 2 * SAID_MAX {
            to.drain(..to.len() - SAID_MAX);
        }
    }
}

fn end_of(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(&said[said.len().saturating_sub(SAID_MAX)..]).trim().to_owned();
    if text.is_empty() { "(nothing was printed)".to_owned() } else { text }
}

fn missing(program: &'static str) -> KindError {
    let hint = match program {
        "kind" => "https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
        _ => "https://docs.docker.com/engine/install/",
    };
    KindError::Missing { program, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_missing_program_is_named_with_where_it_is_to_be_had() {
        let error = run("trying", "rollproof-no-such-program", &[], SOON).await.unwrap_err();
        assert!(error.to_string().contains("rollproof-no-such-program was not found"), "{error}");
        assert!(missing("kind").to_string().contains("https://kind.sigs.k8s.io"));
    }

    #[tokio::test]
    async fn a_program_that_fails_is_shown_with_its_last_words() {
        let error = run("trying", "sh", &["-c", "echo out; echo why >&2; exit 3"], SOON).await.unwrap_err();
        assert!(error.to_string().contains("exit status: 3") && error.to_string().contains("why"), "{error}");
        let noisy = "i=0; while [ $i -lt 20000 ]; do echo noise >&2; i=$((i+1)); done; echo last >&2; exit 1";
        let error = run("trying", "sh", &["-c", noisy], SOON).await.unwrap_err().to_string();
        assert!(error.contains("last") && error.len() < 3_000, "{}", error.len());
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_ended() {
        let error = run("trying", "sleep", &["1000"], Duration::from_millis(100)).await.unwrap_err();
        assert!(matches!(error, KindError::TooLong { .. }), "{error}");
    }

    #[tokio::test]
    async fn what_is_printed_comes_whole() {
        let long = run("trying", "sh", &["-c", "i=0; while [ $i -lt 30000 ]; do echo line; i=$((i+1)); done"], SOON);
        assert_eq!(long.await.unwrap().lines().count(), 30_000);
    }
}
