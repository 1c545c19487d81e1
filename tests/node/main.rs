//! The embedded cluster's node with real processes. This program is also the executable that the node starts again
//! for its supervisors and for namespaces, as `rollproof` is.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test fails by panicking")]

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use rollproof::cluster::embedded::namespace::{EnteredNetwork, MARK, enter};

mod apache;
mod bench;
mod namespace;
mod nginx;
mod running;
mod stopping;
mod supervise;

fn main() -> ExitCode {
    if namespace::is_probe() {
        return namespace::look();
    }
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("supervise") => {
            return rollproof::cluster::embedded::supervise::main(std::env::args_os().skip(2));
        }
        Some("hold") => return supervise::hold(arguments),
        Some("look") => return namespace::look(),
        _ => {}
    }
    // The tests run as rollproof does: in a private network if the machine allows it.
    let mark = std::env::var(MARK).ok();
    if let EnteredNetwork::Tried(code) = enter(mark.as_deref(), &std::env::args_os().collect::<Vec<_>>()) {
        return code;
    }
    let all = [
        supervise::trials(),
        namespace::trials(),
        stopping::trials(),
        running::trials(),
        apache::trials(),
        nginx::trials(),
    ];
    let trials: Vec<Trial> = all.into_iter().flatten().collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A test that runs on a runtime of its own and fails by panicking.
fn trial<F>(name: &str, test: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = ()>,
{
    Trial::test(name, move || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(test());
        Ok(())
    })
}
