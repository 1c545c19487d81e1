//! Starts the program, and checks what it left behind.

use std::fs;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

/// The longest that any run of these tests may take.
const PATIENCE: Duration = Duration::from_mins(4);

/// A named test. If something that it needs is `missing`, its name says so and it is listed as ignored.
pub(crate) fn named(name: &str, missing: Option<&str>, body: impl FnOnce() + Send + 'static) -> Trial {
    let shown = missing.map_or_else(|| name.to_owned(), |missing| format!("{name} (needs {missing})"));
    Trial::test(shown, move || {
        catch_unwind(AssertUnwindSafe(body)).map_err(|panic| {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "panicked".to_owned());
            Failed::from(text)
        })
    })
    .with_ignored_flag(missing.is_some())
}

/// How many tests run in parallel, of those that may.
pub(crate) const AT_ONCE: usize = 3;

static TURN: RwLock<()> = RwLock::new(());

/// Waits until no other test runs, and lets none begin until it is dropped: for a test that puts load on the machine and is timed.
pub(crate) fn alone() -> impl Sized {
    TURN.write().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until no test runs that must be alone.
pub(crate) fn beside() -> impl Sized {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}

/// The kind cluster to test against, if one is named.
pub(crate) fn kind_cluster() -> Option<String> {
    std::env::var("ROLLPROOF_TEST_KIND").ok().filter(|name| !name.is_empty())
}

/// A named test that needs a kind cluster.
pub(crate) fn named_on_kind(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    named(name, missing_on_kind(|| None), body)
}

/// What a test on kind lacks: the cluster, or what `more` asks for where there is one.
pub(crate) fn missing_on_kind(more: impl FnOnce() -> Option<&'static str>) -> Option<&'static str> {
    if kind_cluster().is_none() { Some("a kind cluster, named in ROLLPROOF_TEST_KIND") } else { more() }
}

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollproof"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Fails with everything that was printed unless the exit code is `code`.
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails with everything that was printed unless the exit code is one of `codes`.
    pub(crate) fn expect_one_of(self, codes: &[i32]) -> Self {
        let Self { stdout, stderr, .. } = &self;
        let is = self.code.is_some_and(|code| codes.contains(&code));
        assert!(is, "exit code {:?}, expected one of {codes:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}", self.code);
        self
    }

    /// What was printed on stdout, as if no line had been wrapped.
    pub(crate) fn unwrapped(&self) -> String {
        self.stdout.split_whitespace().collect::<Vec<&str>>().join(" ")
    }

    /// Fails unless stderr holds all of `parts`.
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "stderr does not say {part:?}:\n{}", self.stderr);
        }
        self
    }
}

/// Runs to the end, bounded.
pub(crate) fn run(command: &mut Command) -> Ran {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish(child)
}

/// Waits for the end, bounded; what it prints is read meanwhile, so that a full pipe stops nothing.
pub(crate) fn finish(mut child: Child) -> Ran {
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let out = std::thread::spawn(move || {
        let mut text = Vec::new();
        stdout.read_to_end(&mut text).unwrap();
        text
    });
    let err = std::thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).unwrap();
        text
    });
    let started = now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            break child.wait().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let output = Output { status, stdout: out.join().unwrap(), stderr: err.join().unwrap() };
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[allow(clippy::disallowed_methods, reason = "a test measures the outside of the program")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits until `condition` holds; `what` names it if it never does.
pub(crate) fn wait_for(what: &str, bound: Duration, mut condition: impl FnMut() -> bool) {
    let started = now();
    while !condition() {
        assert!(started.elapsed() < bound, "waited {bound:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn report(directory: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(directory.join("report.json")).unwrap()).unwrap()
}

/// The variant of that name in a report.
pub(crate) fn variant<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["variants"].as_array().unwrap().iter().find(|variant| variant["name"] == name).unwrap()
}

/// The exit codes of a run whose variants behaved as expected: a pass, and the fail that [`clean`] allows.
pub(crate) const AS_EXPECTED: [i32; 2] = [0, 4];

/// Fails unless the variant lost nothing, or nothing but kept-alive connections that the server closed as the client wrote on
/// them. That race is in every graceful stop. It counts as raced when the close comes within five milliseconds of the write,
/// and where a server waits longer for the processor, on a machine that is busy with other things, as lost.
pub(crate) fn clean(report: &Value, name: &str) {
    const RACES: u64 = 10;
    for (arm, counts) in variant(report, name)["arms"].as_object().unwrap() {
        let lost = counts["lost"].as_u64().unwrap();
        if arm != "reused" {
            assert!(lost == 0 || counts["judged"] == false, "{name}, {arm}: {counts}");
            continue;
        }
        let others = counts["outcomes"].as_object().unwrap().keys().map(String::as_str);
        let mut others = others.filter(|outcome| *outcome != "ok");
        let raced = others.all(|outcome| ["reset-before-byte", "closed-before-byte", "unsent"].contains(&outcome));
        assert!(lost <= RACES && (lost == 0 || raced), "{name}, {arm}: {counts}");
    }
}

/// What a run of `tests/fixtures/selector/run.yaml` must report: its Service selects the old version only, so it has no endpoint after
/// the upgrade.
pub(crate) fn lost_its_selection(out: &Path) {
    let report = report(out);
    clean(&report, "restart");
    let upgrade = variant(&report, "upgrade");
    assert_eq!(upgrade["verdict"], "fail", "{upgrade}");
    let states: Vec<&str> =
        upgrade["trials_list"].as_array().unwrap().iter().map(|trial| trial["state"].as_str().unwrap()).collect();
    assert!(!states.is_empty() && states.iter().all(|state| *state == "counts"), "{states:?}");
    let (lost, of_cause) = (upgrade["lost"].as_u64().unwrap(), upgrade["causes"]["no-endpoint"].as_u64().unwrap());
    assert!(of_cause * 20 >= lost * 19, "{of_cause} of {lost}: {}", upgrade["causes"]);
    let first = &upgrade["advice"][0];
    assert_eq!((&first["cause"], &first["value"]), (&"no-endpoint".into(), &"{app: web}".into()), "{first}");
    let text = first["text"].as_str().unwrap();
    let named = "none is an endpoint of service/web: its selector version=1 does not match their labels (version=2)";
    assert!(text.contains(named) && !text.contains("maxUnavailable"), "{text}");
    assert!(upgrade["advice_patch"].is_null(), "no change of the workload cures it: {upgrade}");
    let compared = &report["comparison"][0];
    assert!(compared["difference"]["estimate"].as_f64().unwrap() > 0.0, "{compared}");
}

/// The main processes of a run's containers. They have an environment of their own; the built-in server's names the run's truth file.
pub(crate) fn containers(out: &Path) -> Vec<i32> {
    let truth = format!("ROLLPROOF_TRUTH_FILE={}", out.join("truth-target.jsonl").display());
    processes_with(&truth).iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok()).collect()
}

/// The process that started another one; `None` once that is gone.
pub(crate) fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Processes, other than this one, whose environment holds `marker`.
pub(crate) fn processes_with(marker: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let is_process = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        if !is_process || entry.file_name().to_string_lossy() == std::process::id().to_string() {
            continue;
        }
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|pair| pair == marker.as_bytes()) {
            found.push(entry.path());
        }
    }
    found
}
