//! The supervisor: one per container, with the node's pipes as standard input and output.
//!
//! It is a child subreaper, so every orphan below it becomes its child, or the main process's in a pid namespace: when
//! the main process ends, or when standard input ends because rollproof is gone, it kills all descendants until none is left.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

use super::descendants::kill_all;
use super::isolation::Isolation;
use super::log_file::LogFile;
use super::output::ProcessOutput;
use super::protocol::{MAIN, ProcessEnd, ProcessSpawn, SupervisorReport, SupervisorRequest};
use super::{ARGUMENT, ITSELF, signals};

/// Longest request line. An environment with all its values may be a megabyte, as in Kubernetes.
const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;
/// Longest reason that a process gives for not having started.
const MAX_REASON_BYTES: u64 = 4 * 1024;

/// Serves one container until its main process and every descendant are gone, or until standard input ends.
///
/// Exit codes: 0 when nothing is left, 3 when the machine does not allow a supervisor (the reason on standard error),
/// 1 when a descendant could not be killed.
pub(super) fn main(isolation: Isolation) -> ExitCode {
    let server = SupervisorServer::new(isolation).map_err(|errno| format!("{errno}; a Linux kernel 3.4 is needed"));
    let mut server = match server.and_then(|server| isolation.prepare().map(|()| server)) {
        Ok(server) => server,
        Err(reason) => {
            let _ = writeln!(io::stderr(), "cannot supervise a container: {reason}");
            return ExitCode::from(3);
        }
    };
    server.run();
    if kill_all() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Blocks the signals that a supervisor reads instead of being ended by them, so that the descendants end first.
pub(super) fn block_termination() -> nix::Result<SigSet> {
    let mut mask = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        mask.add(signal);
    }
    mask.thread_block()?;
    Ok(mask)
}

/// A signal that this process ignores, as all do that are started by nohup(1) or in the background, its containers would ignore too. One
/// that it catches is back at its default in them (execve(2)); a container runtime starts its containers so.
fn catch_ignored() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _entered = runtime.enter();
    for kind in [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()] {
        // The handler stays when nobody listens any more.
        drop(signal(kind)?);
    }
    Ok(())
}

#[derive(Debug)]
struct SupervisedChild {
    id: u64,
    output: ProcessOutput,
    end: Option<ProcessEnd>,
}

#[derive(Debug)]
struct SupervisorServer {
    isolation: Isolation,
    mask: SigSet,
    signals: SignalFd,
    input: Vec<u8>,
    children: BTreeMap<i32, SupervisedChild>,
    main: Option<i32>,
    main_end: Option<ProcessEnd>,
    /// Standard input ended, standard output broke, or a termination signal came: rollproof is gone.
    orphaned: bool,
}

impl SupervisorServer {
    fn new(isolation: Isolation) -> nix::Result<Self> {
        prctl::set_child_subreaper(true)?;
        let mask = block_termination()?;
        catch_ignored().map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self {
            isolation,
            mask,
            signals,
            input: Vec::new(),
            children: BTreeMap::new(),
            main: None,
            main_end: None,
            orphaned: false,
        })
    }

    fn run(&mut self) {
        while !self.orphaned && self.main_end.is_none() {
            let (input, talking) = self.wait();
            for pid in talking {
                self.drain(pid);
            }
            self.take_signals();
            self.reap();
            if input && self.main_end.is_none() {
                self.read_requests();
                self.reap();
            }
        }
        let Some(end) = self.main_end else { return };
        kill_all();
        let ended: Vec<i32> = self.children.keys().copied().collect();
        for pid in ended {
            self.report_exit(pid, ProcessEnd::Signal(Signal::SIGKILL as i32));
        }
        self.send(&SupervisorReport::Exited { id: MAIN, end, output: String::new() });
    }

    /// Waits until something happens: whether requests wait, and which children have said something.
    fn wait(&self) -> (bool, Vec<i32>) {
        let stdin = io::stdin();
        let mut fds =
            vec![PollFd::new(stdin.as_fd(), PollFlags::POLLIN), PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let talking = self.children.iter().filter_map(|(pid, child)| Some((*pid, child.output.fd()?)));
        let (pids, outputs): (Vec<i32>, Vec<_>) = talking.unzip();
        fds.extend(outputs.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        if poll(&mut fds, PollTimeout::NONE).is_err() {
            return (false, Vec::new());
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        (ready[0], pids.into_iter().zip(&ready[2..]).filter(|(_, ready)| **ready).map(|(pid, _)| pid).collect())
    }

    fn drain(&mut self, pid: i32) {
        let Some(child) = self.children.get_mut(&pid) else { return };
        child.output.drain();
        if child.output.fd().is_none() && child.end.is_some() {
            self.children.remove(&pid);
        }
    }

    fn take_signals(&mut self) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            if info.ssi_signo != Signal::SIGCHLD as u32 {
                self.orphaned = true;
            }
        }
    }

    fn reap(&mut self) {
        loop {
            let (pid, end) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid.as_raw(), ProcessEnd::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid.as_raw(), ProcessEnd::Signal(signal as i32)),
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => continue,
            };
            if self.main == Some(pid) {
                self.main_end = Some(end);
                self.drain_rest(pid);
                self.children.remove(&pid);
            } else {
                self.report_exit(pid, end);
            }
        }
    }

    /// Reports an executed process, once. What it left behind keeps running, as in a container, and may keep talking
    /// into the pipe, which is read and dropped.
    fn report_exit(&mut self, pid: i32, end: ProcessEnd) {
        self.drain_rest(pid);
        let Some(child) = self.children.get_mut(&pid) else { return };
        if child.end.is_some() {
            return;
        }
        child.end = Some(end);
        let report = SupervisorReport::Exited { id: child.id, end, output: child.output.text() };
        self.send(&report);
    }

    fn drain_rest(&mut self, pid: i32) {
        if let Some(child) = self.children.get_mut(&pid) {
            child.output.drain();
        }
    }

    fn read_requests(&mut self) {
        let mut buffer = [0u8; 16 * 1024];
        match io::stdin().lock().read(&mut buffer) {
            Ok(0) | Err(_) => self.orphaned = true,
            Ok(length) => self.input.extend_from_slice(&buffer[..length]),
        }
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.input.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(request) => self.carry_out(request),
                Err(_) => self.orphaned = true,
            }
        }
        if self.input.len() > MAX_LINE_BYTES {
            self.orphaned = true;
        }
    }

    fn carry_out(&mut self, request: SupervisorRequest) {
        match request {
            SupervisorRequest::Spawn(spawn) => {
                let id = spawn.id;
                match self.spawn(&spawn) {
                    Ok(pid) => self.send(&SupervisorReport::Started { id, pid }),
                    Err(error) => self.send(&SupervisorReport::Failed { id, error }),
                }
            }
            SupervisorRequest::Signal { signal } => {
                let delivered = self.signal_main(signal);
                self.send(&SupervisorReport::Signalled { signal, delivered });
            }
            SupervisorRequest::KillExec { id } => {
                let pid = self.children.iter().find(|(_, child)| child.id == id && child.end.is_none());
                if let Some((pid, _)) = pid.filter(|(_, child)| child.id != MAIN) {
                    let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
                }
            }
            SupervisorRequest::Kill {} => {
                if let Some(pid) = self.main {
                    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                }
            }
        }
    }

    /// The main process is not reaped before its end is noted, so its number cannot belong to another.
    fn signal_main(&self, signal: i32) -> bool {
        let (Some(pid), Ok(named)) = (self.main, Signal::try_from(signal)) else { return false };
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        signals::reaches_pid_1(&status, signal) && kill(Pid::from_raw(pid), named).is_ok()
    }

    fn spawn(&mut self, spawn: &ProcessSpawn) -> Result<i32, String> {
        if (spawn.id == MAIN) == self.main.is_some() {
            return Err("a container has one main process, which is started first".to_owned());
        }
        let Some(program) = spawn.argv.first() else { return Err("the command is empty".to_owned()) };
        let log = match &spawn.log {
            Some(path) => {
                Some(LogFile::open(path).map_err(|e| format!("cannot open the log {}: {e}", path.display()))?)
            }
            None => None,
        };
        let (reader, writer) = io::pipe().map_err(|e| format!("cannot make a pipe for the output: {e}"))?;
        let errors = writer.try_clone().map_err(|e| format!("cannot make a pipe for the output: {e}"))?;
        let (mut reason, report) = io::pipe().map_err(|e| format!("cannot make a pipe for the report: {e}"))?;
        let mut command = Command::new(ITSELF);
        command.args([ARGUMENT, "start", self.isolation.argument()]).args(&spawn.argv);
        command.env_clear().envs(&spawn.env).stdin(report).stdout(writer).stderr(errors);
        // A process group of its own, so that `kill 0` in a container means the container.
        command.process_group(0);
        if let Some(cwd) = &spawn.cwd {
            command.current_dir(cwd);
        }
        let mut child = self.with_open_mask(|| command.spawn()).map_err(|e| format!("cannot run {program:?}: {e}"))?;
        // The parent's end of the report is in the command.
        drop(command);
        let mut failure = String::new();
        let read = reason.by_ref().take(MAX_REASON_BYTES).read_to_string(&mut failure);
        if read.is_err() || !failure.is_empty() {
            let _ = child.wait();
            return Err(failure);
        }
        let pid = i32::try_from(child.id()).map_err(|e| format!("cannot use the process id: {e}"))?;
        if spawn.id == MAIN {
            self.main = Some(pid);
        }
        self.children.insert(pid, SupervisedChild { id: spawn.id, output: ProcessOutput::new(reader, log), end: None });
        Ok(pid)
    }

    /// Children inherit the signal mask, so nothing may be blocked while one is made. A SIGCHLD that comes meanwhile
    /// is lost; the reaping that follows every round of requests makes up for it.
    fn with_open_mask<T>(&self, act: impl FnOnce() -> T) -> T {
        let _ = self.mask.thread_unblock();
        let result = act();
        let _ = self.mask.thread_block();
        result
    }

    fn send(&mut self, report: &SupervisorReport) {
        let mut line = serde_json::to_vec(report).unwrap_or_default();
        line.push(b'\n');
        let mut out = io::stdout().lock();
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            self.orphaned = true;
        }
    }
}
