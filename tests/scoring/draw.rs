//! Draws a random scenario from a seed: what is rolled, how it starts and stops, and its load.
//!
//! Every kind of hook, stop and start is drawn often enough that each cause which the built-in server can produce appears.
//! It must not know how a loss is explained, by diagnosis or by the truth.

use rollproof::rng::Rng;

/// How the pods are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    Recreate,
    Rolling { surge: u32, unavailable: u32 },
}

/// The preStop hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    None,
    /// `preStop.sleep`, in seconds.
    Sleep(u32),
    /// `sleep` in a shell, in seconds.
    ShellSleep(u32),
    /// Tells the server to drain and returns.
    Quit,
    /// The same, and then sleeps so many seconds.
    QuitThenSleep(u32),
    /// Sleeps, tells the server to drain, and returns.
    SleepThenQuit(u32),
    /// A shell that fails at once.
    Fails,
    /// A command that does not exist.
    Missing,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) share: f64,
    pub(crate) arms: Vec<&'static str>,
}

/// One scenario.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) seed: u64,
    pub(crate) replicas: u32,
    pub(crate) strategy: Strategy,
    pub(crate) on_term: &'static str,
    pub(crate) keeps_listening_ms: u64,
    pub(crate) drain_timeout_ms: Option<u64>,
    pub(crate) hook: Hook,
    pub(crate) grace_s: u32,
    pub(crate) base_ms: u64,
    pub(crate) sync_ms: u64,
    pub(crate) readiness: bool,
    pub(crate) start_delay_ms: u64,
    pub(crate) ready_delay_ms: u64,
    pub(crate) slow_start_ms: u64,
    pub(crate) rate: u32,
    pub(crate) timeout_ms: u64,
    pub(crate) trials: u32,
    pub(crate) requests: Vec<Request>,
    /// What the new version answers to `/status`; the old one says 200.
    pub(crate) new_status: Option<u16>,
}

/// Draws the scenario of a seed. Equal seeds give equal scenarios.
pub(crate) fn draw(seed: u64) -> Drawn {
    let mut rng = Rng::stream(seed, "scoring/scenario");
    let replicas = pick(&mut rng, &[(1, 25), (2, 35), (3, 20), (4, 20)]);
    let readiness = chance(&mut rng, 80);
    let late = chance(&mut rng, if readiness { 20 } else { 75 });
    let slow_start = chance(&mut rng, 22);
    let hook = hook(&mut rng);
    let on_term = match hook {
        Hook::Quit | Hook::QuitThenSleep(_) | Hook::SleepThenQuit(_) => {
            pick(&mut rng, &[("exit", 70), ("drain", 25), ("ignore", 5)])
        }
        _ => pick(&mut rng, &[("exit", 40), ("drain", 36), ("ignore", 14), ("shed", 10)]),
    };
    let fails = chance(&mut rng, 10);
    // Statuses of two kinds at once would be each other's noise.
    let on_term = if fails && on_term == "shed" { "drain" } else { on_term };
    let drains = on_term == "drain";
    Drawn {
        seed,
        replicas,
        strategy: strategy(&mut rng, replicas),
        on_term,
        keeps_listening_ms: if drains && chance(&mut rng, 25) { below(&mut rng, 300, 2_000) } else { 0 },
        drain_timeout_ms: (drains && chance(&mut rng, 35)).then(|| below(&mut rng, 100, 1_500)),
        hook,
        grace_s: match hook {
            // The API refuses a `sleep` that is not shorter than the grace.
            Hook::Sleep(seconds) => seconds + pick(&mut rng, &[(1, 40), (3, 60)]),
            _ => pick(&mut rng, &[(1, 12), (2, 14), (3, 14), (4, 20), (6, 20), (8, 20)]),
        },
        base_ms: pick(&mut rng, &[(20, 15), (100, 55), (300, 30)]),
        sync_ms: pick(&mut rng, &[(0, 15), (300, 25), (1_000, 60)]),
        readiness,
        start_delay_ms: if late { below(&mut rng, 300, 3_000) } else { 0 },
        ready_delay_ms: if readiness && chance(&mut rng, 25) { below(&mut rng, 300, 1_500) } else { 0 },
        slow_start_ms: if slow_start { below(&mut rng, 800, 3_000) } else { 0 },
        rate: u32::try_from(below(&mut rng, 60, 250)).unwrap_or(60),
        timeout_ms: if slow_start { below(&mut rng, 300, 800) } else { below(&mut rng, 5_000, 9_000) },
        trials: if fails { 1 } else { pick(&mut rng, &[(1, 75), (2, 25)]) },
        requests: requests(&mut rng, slow_start, fails),
        new_status: fails.then(|| pick(&mut rng, &[(503, 60), (500, 20), (404, 20)])),
    }
}

fn hook(rng: &mut Rng) -> Hook {
    let seconds = u32::try_from(below(rng, 1, 4)).unwrap_or(1);
    let kinds = [
        (Hook::None, 24),
        (Hook::Sleep(seconds), 14),
        (Hook::ShellSleep(seconds), 10),
        (Hook::Quit, 13),
        (Hook::QuitThenSleep(seconds), 10),
        (Hook::SleepThenQuit(seconds), 6),
        (Hook::Fails, 13),
        (Hook::Missing, 10),
    ];
    pick(rng, &kinds)
}

fn strategy(rng: &mut Rng, replicas: u32) -> Strategy {
    if chance(rng, 10) {
        return Strategy::Recreate;
    }
    let surge = pick(rng, &[(0, 25), (1, 60), (2, 15)]);
    // The API rejects a rollout in which both are 0.
    let unavailable = if surge == 0 { 1 } else { pick(rng, &[(0, 75), (1, 25)]) };
    Strategy::Rolling { surge, unavailable: unavailable.min(replicas) }
}

/// The plain request that takes what the others leave, and some of the special ones.
fn requests(rng: &mut Rng, short: bool, fails: bool) -> Vec<Request> {
    let arms: &[&str] = pick(
        rng,
        &[
            (&["new", "reused"][..], 45),
            (&["new", "reused", "blind"][..], 30),
            (&["new"][..], 15),
            (&["reused", "blind"][..], 10),
        ],
    );
    let main = *arms.first().unwrap_or(&"new");
    let mut list = Vec::new();
    let mut add = |method, path: String, share, arms: &[&'static str]| {
        list.push(Request { method, path, share, arms: arms.to_vec() });
    };
    if !short && chance(rng, 75) {
        // Slow requests mostly use new connections, because they would block a kept-alive one.
        let kept = chance(rng, 15);
        let (ms, share) = if kept { (below(rng, 200, 600), 0.04) } else { (below(rng, 300, 4_000), 0.06) };
        add("GET", format!("/slow?ms={ms}"), share, if kept { arms } else { &["new"] });
    }
    if !short && chance(rng, 30) {
        let path = pick(rng, &[("/body", 50), ("/chunked", 50)]);
        add("GET", format!("{path}?bytes=4000&ms={}", below(rng, 200, 2_500)), 0.05, &["new"]);
    }
    if chance(rng, 50) {
        add("POST", "/echo".to_owned(), 0.25, arms);
    }
    if fails {
        add("GET", "/status".to_owned(), 0.03, &[main]);
    }
    add("GET", "/".to_owned(), 0.0, arms);
    list
}

/// Uniform in `low..=high`.
fn below(rng: &mut Rng, low: u64, high: u64) -> u64 {
    let width = usize::try_from(high - low + 1).unwrap_or(usize::MAX);
    low + u64::try_from(rng.below(width)).unwrap_or(0)
}

fn chance(rng: &mut Rng, percent: usize) -> bool {
    rng.below(100) < percent
}

/// One of `choices`, each as likely as its weight says.
fn pick<T: Copy>(rng: &mut Rng, choices: &[(T, usize)]) -> T {
    let mut left = rng.below(choices.iter().map(|(_, weight)| weight).sum());
    for (choice, weight) in choices {
        if left < *weight {
            return *choice;
        }
        left -= weight;
    }
    choices[0].0
}
