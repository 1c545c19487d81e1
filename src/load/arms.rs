//! What carries the attempts of each arm.

use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::record::{Arm, Outcome};

use super::carry;
use super::engine::LoadContext;
use super::kept::KeptConnections;
use super::load_schedule::PlannedAttempt;
use super::pending_attempt::{PendingAttempt, lock};
use super::plan::LoadError;
use super::pooled::{self, PooledClient};

/// The carriers that a plan needs; `new` needs none.
pub(super) struct ArmCarriers {
    reused: Option<Arc<KeptConnections>>,
    blind: Option<Arc<KeptConnections>>,
    pooled: Option<PooledClient>,
}

impl ArmCarriers {
    pub(super) fn new(shared: &Arc<LoadContext>, runtime: &Runtime) -> Result<Self, LoadError> {
        let plan = &shared.plan;
        let kept = |arm| plan.spec.uses(arm).then(|| KeptConnections::new(arm, plan.connections));
        let _inside = runtime.enter();
        let pooled = plan.spec.uses(Arm::Pooled).then(|| PooledClient::new(Arc::clone(&shared.route), &plan.spec));
        let pooled = pooled.transpose()?;
        Ok(Self { reused: kept(Arm::Reused), blind: kept(Arm::Blind), pooled })
    }

    pub(super) fn kept(&self) -> impl Iterator<Item = &Arc<KeptConnections>> {
        self.reused.iter().chain(&self.blind)
    }

    pub(super) fn hand_out(&self, shared: &Arc<LoadContext>, planned: PlannedAttempt) {
        let in_flight = {
            let mut collector = lock(&shared.collector);
            collector.planned(planned);
            collector.in_flight()
        };
        let flight = PendingAttempt::new(Arc::clone(shared), planned);
        if in_flight > shared.plan.max_in_flight as u64 {
            return flight.end(Outcome::Deferred, None, String::new());
        }
        match planned.arm {
            Arm::New => {
                tokio::spawn(carry::on_new(flight));
            }
            Arm::Reused => submit(self.reused.as_ref(), flight),
            Arm::Blind => submit(self.blind.as_ref(), flight),
            Arm::Pooled => match &self.pooled {
                Some(client) => {
                    tokio::spawn(pooled::carry(flight, client.clone()));
                }
                None => not_carried(flight),
            },
        }
    }
}

fn submit(kept: Option<&Arc<KeptConnections>>, flight: PendingAttempt) {
    match kept {
        Some(kept) => kept.submit(flight),
        None => not_carried(flight),
    }
}

/// A plan that uses an arm has made what carries it. Were it not so, the attempt must not pass for one of another arm.
fn not_carried(flight: PendingAttempt) {
    let words = format!("nothing carries the arm {}", flight.planned().arm.name());
    flight.end(Outcome::ClientLocal, None, words);
}
