//! Runs a program of the user's: without a shell, for a bounded time, with the end of what it prints kept.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::kind_error::KindError;

/// What is kept of a program's output for an error.
const SAID_MAX: usize = 2_000;
/// What is taken of an answer.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// Runs `program` with `arguments` and returns what it printed on standard output.
pub(super) async fn run(
    doing: &str,
    program: &'static str,
    arguments: &[&str],
    within: Duration,
) -> Result<String, KindError> {
    let shown = format!("{program} {}", arguments.join(" "));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own: an interrupt at the terminal is this program's to handle, and a program that is given up is
    // ended with all that it started.
    command.process_group(0);
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
    let group = ProcessGroup::of(&child);
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
    if finished.is_ok() {
        group.ended();
    }
    match finished {
        Ok((Ok(status), answer)) if status.success() => Ok(String::from_utf8_lossy(&answer).into_owned()),
        Ok((Ok(_), _)) if is_docker_down(&said) => {
            Err(KindError::DockerDown { doing: doing.to_owned(), said: end_of(&said) })
        }
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

/// A program's process group, which is killed unless it has ended.
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

/// Whether a program says that Docker does not answer. The words are those of Docker's client, up to version 28 and from
/// 29 on; kind shows them when it fails.
fn is_docker_down(said: &[u8]) -> bool {
    let said = String::from_utf8_lossy(said).to_lowercase();
    let words = ["cannot connect to the docker daemon", "failed to connect to the docker api", "docker daemon socket"];
    words.iter().any(|words| said.contains(words))
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
    if text.is_empty() { "(no output)".to_owned() } else { text }
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
        assert!(error.to_string().contains("rollproof-no-such-program is not on the PATH"), "{error}");
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
    async fn a_program_that_hangs_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 1000 & echo $! >{}; wait", file.display());
        let error = run("trying", "sh", &["-c", &script], Duration::from_secs(2)).await.unwrap_err();
        assert!(matches!(error, KindError::TooLong { .. }), "{error}");
        let child = std::fs::read_to_string(&file).unwrap();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        for _ in 0..500 {
            // Nobody may be there to reap it; then it is left as a zombie.
            if state().is_empty() || state().contains(") Z ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("what it started goes on: {}", state());
    }

    #[tokio::test]
    async fn a_docker_that_does_not_answer_is_told_from_a_failure() {
        for words in [
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "failed to connect to the docker API at unix:///var/run/docker.sock",
            "permission denied while trying to connect to the Docker daemon socket",
        ] {
            let error = run("asking", "sh", &["-c", &format!("echo '{words}' >&2; exit 1")], SOON).await.unwrap_err();
            assert!(error.to_string().contains("check that it runs") && error.to_string().contains(words), "{error}");
        }
    }

    #[tokio::test]
    async fn what_is_printed_comes_whole() {
        let long = run("trying", "sh", &["-c", "i=0; while [ $i -lt 30000 ]; do echo line; i=$((i+1)); done"], SOON);
        assert_eq!(long.await.unwrap().lines().count(), 30_000);
    }
}
