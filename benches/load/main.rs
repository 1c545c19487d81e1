//! What the load engine costs and how punctual it is, next to `oha` and `wrk` where they are on PATH.
//!
//! `cargo bench --bench load` (about six minutes), `-- --quick` (about two), `-- --long` (ten minutes of memory),
//! `-- --limit` and `-- --memory` (only these).
//!
//! Method. A plain HTTP server runs in a child process pinned to core 0; every client runs in a child process pinned to
//! core 1, helper threads included, so CPU seconds (getrusage of the waited child) are all that a client costs. The
//! clients take turns against the same server, three rounds; figures are medians.
//!
//! "At the limit" of one core: every client is a closed loop over 50 connections, each request followed by the next when
//! its response is complete. For the engine that is `load::saturate`, which differs from a load in nothing but what
//! decides when an attempt is sent: each is planned, classified and counted, and the record is written to a file. An open
//! loop cannot be pushed to the limit: just below it the core is idle at times, and sleeping and waking costs too.
//!
//! The load average (of the last minute, the bench itself included) stands with each table, and what other processes took
//! of the client's core with each row: a busy machine shows in the lag's 99th percentile first. At 1,000 a second there
//! are three times the rounds, and the third of them that others disturbed least is shown apart.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints its measurements")]

mod client;
mod machine;
mod server;

use client::{Figures, Rivals};
use machine::median;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    match args.first().map(String::as_str) {
        Some("serve") => return server::serve(),
        Some("drive") => return client::drive(&args[1..]),
        // `cargo bench` says so; `cargo test --benches` does not, and only wants to see that it runs.
        _ if !has("--bench") => return,
        _ => {}
    }
    let rounds = if has("--quick") { 1 } else { 3 };
    let memory_s = if has("--long") {
        600
    } else if has("--quick") {
        15
    } else {
        60
    };
    println!("{}", machine::line());
    let server = server::start();
    let rivals = Rivals::on_path();
    machine::pin(machine::CLIENT_CORE);
    if has("--limit") {
        return ["reused", "new"].into_iter().for_each(|arm| limit(&server, arm, rounds, &rivals));
    }
    if !has("--memory") {
        punctuality(&server, rounds);
        for arm in ["reused", "new"] {
            limit(&server, arm, rounds, &rivals);
        }
        fixed(&server, 5_000, rounds, &rivals);
        fixed(&server, 20_000, rounds, &rivals);
    }
    client::memory(&server, memory_s);
}

fn show(name: &str, figures: &[Figures]) {
    let of = |f: fn(&Figures) -> f64| median(figures.iter().map(f).collect());
    println!(
        "  {name:<22} {:>9.0} req/s  {:>7.3} CPU-s/100k  {:>6.1} % CPU  lag us p50 {:>5.0} p99 {:>6.0} max {:>7.0}  not ok {}  others about {:.0} %",
        of(|f| f.rate),
        of(|f| f.cpu_s_per_100k),
        of(|f| f.cpu_percent),
        of(|f| f.lag_p50_us),
        of(|f| f.lag_p99_us),
        of(|f| f.lag_max_us),
        figures.iter().map(|f| f.not_ok).sum::<u64>(),
        of(|f| f.others_percent),
    );
}

fn punctuality(server: &server::Server, rounds: usize) {
    println!("1,000 requests a second; load average {}", machine::load_average());
    for arm in ["reused", "blind", "new", "pooled"] {
        let mut runs: Vec<_> = (0..3 * rounds).map(|_| client::engine(server, arm, 1_000, 3)).collect();
        show(&format!("rollproof {arm}"), &runs);
        // Lag is about an idle core, and the core is not only ours.
        runs.sort_by(|a, b| a.others_percent.total_cmp(&b.others_percent));
        show("  its quietest rounds", &runs[..rounds]);
    }
}

fn limit(server: &server::Server, arm: &str, rounds: usize, rivals: &Rivals) {
    let keep_alive = arm != "new";
    let connections = if keep_alive { "keep-alive" } else { "a connection for each request" };
    println!("at the limit of one core, {connections}; load average {}", machine::load_average());
    let mut engine = Vec::new();
    let mut others: Vec<(&str, Vec<Figures>)> = rivals.names().map(|name| (name, Vec::new())).collect();
    for _ in 0..rounds {
        engine.push(client::saturated(server, arm, 3));
        for (name, runs) in &mut others {
            runs.extend(rivals.run(name, server, keep_alive, None, 3));
        }
    }
    show(&format!("rollproof {arm}"), &engine);
    for (name, runs) in &others {
        if runs.is_empty() {
            println!("  {name:<22} not measured");
        } else {
            show(name, runs);
        }
    }
}

fn fixed(server: &server::Server, rate: u32, rounds: usize, rivals: &Rivals) {
    println!("{rate} requests a second, keep-alive; load average {}", machine::load_average());
    let mut engine = Vec::new();
    let mut oha = Vec::new();
    for _ in 0..rounds {
        engine.push(client::engine(server, "reused", rate, 5));
        oha.extend(rivals.run("oha", server, true, Some(rate), 5));
    }
    show("rollproof reused", &engine);
    if !oha.is_empty() {
        show("oha", &oha);
    }
}
