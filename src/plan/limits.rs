//! What a load and a rollout may be, whoever wrote them: the same checks for a scenario, which has a place for each error, and
//! for a record, which has none.

use std::time::Duration;

use http::Method;

use crate::manifest::workload::MAX_REPLICAS;
use crate::scenario::values::{MAX_VARIANTS, ScenarioDuration};
use crate::spec::{RolloutAction, RunSpec};

const MAX_REQUESTS: usize = 100;
/// The longest body, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// The longest time that a request may be given.
const MAX_TIMEOUT: Duration = Duration::from_mins(10);
const MAX_ROLLOUT_TIMEOUT: Duration = Duration::from_hours(1);

/// Why something is beyond what a run takes, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BeyondLimit {
    pub(super) message: String,
    pub(super) help: &'static str,
}

fn refuse(message: String, help: &'static str) -> Result<(), BeyondLimit> {
    Err(BeyondLimit { message, help })
}

pub(super) fn timeout(time: Duration) -> Result<(), BeyondLimit> {
    // Stamps and the record count in milliseconds at the coarsest.
    if (Duration::from_millis(1)..=MAX_TIMEOUT).contains(&time) {
        return Ok(());
    }
    refuse(format!("the timeout is {}, expected 1ms to 10m", ScenarioDuration(time)), "10s is the default")
}

pub(super) fn connections(count: u32) -> Result<(), BeyondLimit> {
    if (1..=10_000).contains(&count) {
        return Ok(());
    }
    refuse(format!("`connections` is {count}, expected 1 to 10000"), "leave it out to have it chosen")
}

pub(super) fn kinds_of_request(count: usize) -> Result<(), BeyondLimit> {
    if (1..=MAX_REQUESTS).contains(&count) {
        return Ok(());
    }
    let message = format!("there are {count} kinds of request, expected 1 to {MAX_REQUESTS}");
    refuse(message, "leave `requests` out to send GET /")
}

pub(super) fn body(method: &Method, body: &str) -> Result<(), BeyondLimit> {
    if body.len() > MAX_BODY {
        let message = format!("the body has {} bytes, expected at most {MAX_BODY}", body.len());
        return refuse(message, "send a smaller one");
    }
    if !body.is_empty() && matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        let message = format!("a {method} request has a body, which has no meaning (RFC 9110 section 9.3.1)");
        return refuse(message, "add `method: POST`, or remove the body");
    }
    Ok(())
}

pub(super) fn rollout_timeout(time: Duration) -> Result<(), BeyondLimit> {
    if (Duration::from_secs(1)..=MAX_ROLLOUT_TIMEOUT).contains(&time) {
        return Ok(());
    }
    let message = format!("the rollout's timeout is {}, expected 1s to 1h", ScenarioDuration(time));
    refuse(message, "5m is the default")
}

/// The image that a rollout changes to.
pub(super) fn image(image: &str) -> Result<(), BeyondLimit> {
    if !image.trim().is_empty() && !image.trim().contains(char::is_whitespace) {
        return Ok(());
    }
    let message = format!("the image is `{}`, expected a reference such as apache:2", image.escape_debug());
    refuse(message, "name the image to roll to")
}

pub(super) fn variable(name: &str) -> Result<(), BeyondLimit> {
    let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if !name.is_empty() && letters && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(());
    }
    let message = format!("the variable is `{}`, expected a name such as ROLLPROOF_TRIAL", name.escape_debug());
    refuse(message, "use letters, digits and `_`, not a digit first")
}

/// The replicas that a rollout scales to.
pub(super) fn scale(to: u64) -> Result<(), BeyondLimit> {
    if (1..=u64::from(MAX_REPLICAS)).contains(&to) {
        return Ok(());
    }
    let message = format!("`to` is {to}, expected 1 to {MAX_REPLICAS} replicas");
    refuse(message, "without any pod every request is lost")
}

pub(super) fn command(run: &[String], back: Option<&[String]>) -> Result<(), BeyondLimit> {
    for (key, words) in [("command", Some(run)), ("back", back)] {
        let Some(words) = words else { continue };
        let program = words.first().map_or("", |word| word.trim());
        if program.is_empty() {
            let message = format!("`{key}` names no program, expected one with its arguments");
            return refuse(message, "for example `command: [helm, upgrade, web, ./chart]`");
        }
        if words.len() == 1 && program.contains(char::is_whitespace) {
            let message = format!("`{key}` is one word with spaces in it, expected each argument by itself");
            let help = "there is no shell: write [helm, upgrade, web], or [sh, -c, \"...\"] if it must be one";
            return refuse(message, help);
        }
        if words.iter().any(|word| word.contains('\0')) {
            return refuse(format!("`{key}` holds a zero byte, which no argument can"), "remove it");
        }
    }
    Ok(())
}

pub(super) fn node(name: &str) -> Result<(), BeyondLimit> {
    if is_node_name(name) {
        return Ok(());
    }
    let message = format!("the node is `{}`, expected a node's name", name.escape_debug());
    refuse(message, "leave it out for the node with most of the pods")
}

/// A DNS subdomain (RFC 1123), as the names of nodes are.
fn is_node_name(name: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    (1..=253).contains(&name.len()) && name.bytes().all(letters) && name.split('.').all(|part| !part.is_empty())
}

/// The time of load in place of a rollout.
pub(super) fn no_rollout(time: Duration) -> Result<(), BeyondLimit> {
    if time >= Duration::from_secs(1) {
        return Ok(());
    }
    let message = format!("`for` is {}, expected at least 1s of load", ScenarioDuration(time));
    refuse(message, "for example `none: {for: 10s}`")
}

/// What a rollout that was planned once may be.
pub(super) fn rollout(action: &RolloutAction) -> Result<(), BeyondLimit> {
    match action {
        RolloutAction::Restart | RolloutAction::Patch { .. } => Ok(()),
        RolloutAction::Image { to, .. } => image(to),
        RolloutAction::Env { name, .. } => variable(name),
        RolloutAction::Scale { to, .. } => scale(u64::from(*to)),
        RolloutAction::Command { run, back } => command(run, back.as_deref()),
        RolloutAction::Evict { node: name, .. } => name.as_deref().map_or(Ok(()), node),
        RolloutAction::None { duration } => no_rollout(*duration),
    }
}

/// As many variants as a scenario may have, a control beside them, each with a name of its own; and roles that they have.
pub(super) fn variants(spec: &RunSpec) -> Result<(), BeyondLimit> {
    const HELP: &str = "name each variant once";
    let names: Vec<&str> = spec.variants.iter().map(|variant| variant.name.as_str()).collect();
    let most = MAX_VARIANTS + usize::from(spec.settings.control.is_some());
    if names.is_empty() || names.len() > most {
        return refuse(format!("there are {} variants, expected 1 to {most}", names.len()), HELP);
    }
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            return refuse(format!("the variant {name} appears twice, expected it once"), HELP);
        }
    }
    for (role, name) in [("baseline", &spec.settings.baseline), ("control", &spec.settings.control)] {
        if let Some(name) = name.as_deref().filter(|name| !names.contains(name)) {
            return refuse(format!("the {role} `{}` is not one of the variants", name.escape_debug()), HELP);
        }
    }
    Ok(())
}
