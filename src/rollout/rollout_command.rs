//! A rollout by the user's own program: run without a shell, bounded in time and output, and ended with all that it
//! started.
//!
//! Its arguments and its output may hold credentials. Neither is in an error, which stands in record and reports: the end of the
//! output is kept in a file that only its owner can read.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use crate::manifest::expand;
use crate::redact::clipped;

/// How much of a command's output an error shows, from its end.
const OUTPUT_MAX: usize = 4_096;
/// How long what the command left running may hold its output open after it has ended.
const OUTPUT_ENDS_WITHIN: Duration = Duration::from_millis(500);
/// A program's name is shown up to here.
const SHOWN_MAX: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("starting `{program}`: {why}; name a program that is in PATH, or give its path")]
    NotStarted { program: String, why: String },
    #[error("`{program}` failed with {status}, expected exit code 0; {output}")]
    Failed { program: String, status: String, output: KeptOutput },
    #[error(
        "`{program}` did not finish within {after_s} s and was killed; make it return sooner, or raise the rollout's timeout; {output}"
    )]
    TimedOut { program: String, after_s: u64, output: KeptOutput },
}

/// Where the end of a failed command's output is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeptOutput {
    #[error("it wrote no output")]
    Nothing,
    #[error("the end of its output is in {}, which only its owner can read", .0.display())]
    In(PathBuf),
    #[error("its output is not kept: {0}")]
    Lost(String),
}

/// Kills the process group when it is dropped, so that nothing of a command outlives its step.
struct CommandGroup(Option<Pid>);

impl Drop for CommandGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            // Usually nothing is left of it.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

/// The end of one stream of output.
#[derive(Debug, Default)]
struct StreamTail(Mutex<Vec<u8>>);

impl StreamTail {
    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        let surplus = kept.len().saturating_sub(OUTPUT_MAX);
        kept.drain(..surplus);
    }

    fn now(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The end of a command's output. Each stream has its own: what goes wrong is told on standard error, and much on standard output, read
/// later, would push it out.
#[derive(Debug, Default)]
struct OutputTail {
    out: StreamTail,
    err: StreamTail,
}

impl OutputTail {
    /// Adds what there is to the file at `path`, with a line before it that says what it is of.
    fn keep(&self, path: Option<&Path>, program: &str) -> KeptOutput {
        let kept = [self.out.now(), self.err.now()].concat();
        let Some(path) = path else { return KeptOutput::Lost("there is no folder for it".to_owned()) };
        if kept.trim_ascii().is_empty() {
            return KeptOutput::Nothing;
        }
        let written = open_private(path).and_then(|mut file| {
            writeln!(file, "# the end of the output of {program}")?;
            file.write_all(&kept)?;
            file.write_all(b"\n")
        });
        match written {
            Ok(()) => KeptOutput::In(path.to_owned()),
            Err(error) => KeptOutput::Lost(format!("writing {}: {error}", path.display())),
        }
    }
}

/// Opens a file of the owner's own, to add to it. What somebody else has put there is not written to.
fn open_private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits() | OFlag::O_NONBLOCK.bits());
    let file = options.open(path)?;
    let found = file.metadata()?;
    let own = found.permissions().mode() & 0o777 == 0o600;
    if found.is_file() && own && found.nlink() == 1 {
        return Ok(file);
    }
    Err(std::io::Error::other("there is a file that others can read, or none of rollproof's"))
}

/// Runs `words`, in which `$(NAME)` state for a variable of `variables`, as in a container's command; the variables are
/// in its environment too, which is otherwise this program's own. The end of a failed command's output is kept in `log`.
pub(super) async fn run(
    words: &[String],
    variables: &BTreeMap<String, String>,
    bound: Duration,
    log: Option<&Path>,
) -> Result<(), CommandError> {
    let words = words.iter().map(|word| expand(word, variables)).collect::<Vec<_>>();
    let shown = clipped(words.first().map_or("", String::as_str), SHOWN_MAX);
    let not_started = |why: String| CommandError::NotStarted { program: shown.clone(), why };
    let (program, arguments) = words.split_first().ok_or_else(|| not_started("there is no program".to_owned()))?;
    let mut command = Command::new(program);
    command.args(arguments).envs(variables).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| not_started(error.to_string()))?;
    let group = CommandGroup(child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw));
    let tail = OutputTail::default();
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let mut reading = Box::pin(async { tokio::join!(read(out, &tail.out), read(err, &tail.err)) });
    let mut all_read = false;
    let ending = async {
        loop {
            tokio::select! {
                status = child.wait() => return status,
                _ = &mut reading, if !all_read => all_read = true,
            }
        }
    };
    let ended = tokio::time::timeout(bound, ending).await;
    let status = match ended {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => return Err(not_started(error.to_string())),
        Err(_) => {
            let output = tail.keep(log, &shown);
            return Err(CommandError::TimedOut { program: shown, after_s: bound.as_secs(), output });
        }
    };
    if !all_read {
        let _ = tokio::time::timeout(OUTPUT_ENDS_WITHIN, &mut reading).await;
    }
    drop(group);
    if status.success() {
        return Ok(());
    }
    let output = tail.keep(log, &shown);
    Err(CommandError::Failed { program: shown, status: words_of(status), output })
}

async fn read(stream: Option<impl AsyncRead + Unpin>, tail: &StreamTail) {
    let Some(mut stream) = stream else { return };
    let mut buffer = [0; 4_096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        tail.add(buffer.get(..length).unwrap_or_default());
    }
}

fn words_of(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    fn variables() -> BTreeMap<String, String> {
        [("ROLLPROOF_TRIAL", "7"), ("ROLLPROOF_NAMESPACE", "web-a")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[tokio::test]
    async fn a_command_sees_the_trial_and_the_namespace_and_its_own_environment() {
        let script = "test \"$ROLLPROOF_TRIAL$1\" = 7web-a && test -n \"$PATH\"";
        let mut words = shell(script);
        words.extend(["sh".to_owned(), "$(ROLLPROOF_NAMESPACE)".to_owned()]);
        run(&words, &variables(), BOUND, None).await.unwrap();
    }

    #[tokio::test]
    async fn a_command_that_fails_is_told_without_its_words_and_the_end_of_its_output_is_kept() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("rollout-command.log");
        let script = "yes filler | head -n 5000; echo marked; echo Error: no such chart >&2; exit 3";
        let error = run(&shell(script), &variables(), BOUND, Some(&log)).await.unwrap_err().to_string();
        assert!(error.contains("`sh` failed with exit code 3") && error.contains("rollout-command.log"), "{error}");
        assert!(!error.contains("marked") && !error.contains("filler"), "{error}");
        let kept = std::fs::read_to_string(&log).unwrap();
        assert!(kept.contains("Error: no such chart") && kept.contains("marked") && kept.len() < 2 * OUTPUT_MAX + 100);
        assert_eq!(log.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let silent = run(&shell("exit 1"), &variables(), BOUND, Some(&log)).await.unwrap_err().to_string();
        assert!(silent.ends_with("it wrote no output"), "{silent}");
        let missing = run(&["no-such-program".to_owned()], &variables(), BOUND, None).await.unwrap_err().to_string();
        assert!(missing.starts_with("starting `no-such-program`") && missing.contains("PATH"), "{missing}");
    }

    #[tokio::test]
    async fn output_is_not_written_to_what_somebody_else_has_put_there() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (log, victim) = (folder.path().join("log"), folder.path().join("victim"));
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &log).unwrap();
        let said = run(&shell("echo marked; exit 1"), &variables(), BOUND, Some(&log)).await.unwrap_err().to_string();
        assert!(said.contains("its output is not kept") && !said.contains("marked"), "{said}");
        std::fs::set_permissions(&victim, std::fs::Permissions::from_mode(0o644)).unwrap();
        let said =
            run(&shell("echo marked; exit 1"), &variables(), BOUND, Some(&victim)).await.unwrap_err().to_string();
        assert!(said.contains("its output is not kept"), "{said}");
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    }

    /// The process writes its own id, so that a test can see whether it is still there.
    async fn written_pid(path: &std::path::Path) -> Pid {
        loop {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            if let Some(pid) = text.strip_suffix('\n').and_then(|text| text.parse().ok()) {
                return Pid::from_raw(pid);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn gone(pid: Pid) {
        // A zombie that nobody has collected yet is gone too.
        let stat = format!("/proc/{pid}/stat");
        while std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z ")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_command_that_does_not_end_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let script = format!("echo waiting; sleep 600 & echo $! > {}; wait", path.display());
        let error = run(&shell(&script), &variables(), Duration::from_secs(1), None).await.unwrap_err();
        assert!(matches!(error, CommandError::TimedOut { after_s: 1, .. }), "{error}");
        assert!(error.to_string().contains("`sh` did not finish within 1 s"), "{error}");
        tokio::time::timeout(BOUND, gone(written_pid(&path).await)).await.unwrap();
    }

    #[tokio::test]
    async fn a_run_that_stops_ends_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let words = shell(&format!("sleep 600 & echo $! > {}; wait", path.display()));
        let variables = variables();
        let pid = tokio::select! {
            ended = run(&words, &variables, BOUND, None) => panic!("{ended:?}"),
            pid = written_pid(&path) => pid,
        };
        tokio::time::timeout(BOUND, gone(pid)).await.unwrap();
    }

    #[tokio::test]
    async fn what_a_command_leaves_running_does_not_hold_the_rollout_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let words = shell(&format!("sleep 600 & echo $! > {}", path.display()));
        let variables = variables();
        tokio::time::timeout(BOUND, run(&words, &variables, BOUND * 30, None)).await.unwrap().unwrap();
        tokio::time::timeout(BOUND, gone(written_pid(&path).await)).await.unwrap();
    }
}
