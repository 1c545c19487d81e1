//! The limit of open files: raised to what the system allows, and held against what a plan may need.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::record::Arm;

use super::plan::{LoadError, LoadPlan};

/// Descriptors left for the rest of the program: the record, watches, probes.
const RESERVED: u64 = 128;

/// Raises the soft limit of open files to the hard one and returns it. What is started afterwards inherits it, so a run
/// does this before its first pod: pods of one variant must not differ.
pub(crate) fn raise_descriptors() -> Result<u64, LoadError> {
    let (soft, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).map_err(LoadError::system("reading the limit of open files"))?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(LoadError::system("raising the limit of open files"))?;
    }
    Ok(hard)
}

/// The plan's cap on attempts in flight, lowered to what `limit` open files leave. Attempts on kept-alive arms wait without
/// a file of their own, so a plan of only these is not lowered.
pub(super) fn in_flight_cap(plan: &LoadPlan, limit: u64) -> Result<usize, LoadError> {
    let kept = (plan.spec.kept().count() * plan.connections) as u64;
    let left = limit.saturating_sub(RESERVED).saturating_sub(kept);
    if left == 0 {
        return Err(LoadError::Descriptors { needed: kept + 1, limit, reserved: RESERVED });
    }
    let dials = plan.spec.uses(Arm::New) || plan.spec.uses(Arm::Pooled);
    Ok(if dials { plan.max_in_flight.min(usize::try_from(left).unwrap_or(usize::MAX)) } else { plan.max_in_flight })
}
