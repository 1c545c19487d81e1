//! What carries the attempts of each arm.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::record::{Arm, Outcome};
use crate::spec::Door;

use super::carry;
use super::engine::LoadContext;
use super::kept::KeptConnections;
use super::load_schedule::PlannedAttempt;
use super::pending_attempt::{PendingAttempt, lock};
use super::plan::LoadError;
use super::pooled::{self, PooledClient};

/// The carriers that a plan needs; `new` needs none.
pub(super) struct ArmCarriers {
    kept: BTreeMap<(Arm, Door), Arc<KeptConnections>>,
    pooled: BTreeMap<Door, PooledClient>,
}

impl ArmCarriers {
    pub(super) fn new(shared: &Arc<LoadContext>, runtime: &Runtime) -> Result<Self, LoadError> {
        let plan = &shared.plan;
        let kept = plan.spec.kept().map(|(arm, door)| ((arm, door), KeptConnections::new(arm, door, plan.connections)));
        let _inside = runtime.enter();
        let pooling = Door::ALL.into_iter().filter(|door| plan.spec.uses_at(Arm::Pooled, *door));
        let client = |door| Ok((door, PooledClient::new(Arc::clone(&shared.way(door).route), &plan.spec, door)?));
        Ok(Self { kept: kept.collect(), pooled: pooling.map(client).collect::<Result<_, LoadError>>()? })
    }

    pub(super) fn kept(&self) -> impl Iterator<Item = &Arc<KeptConnections>> {
        self.kept.values()
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
        let door = shared.door(planned);
        match planned.arm {
            Arm::New => {
                tokio::spawn(carry::on_new(flight));
            }
            Arm::Reused | Arm::Blind => match self.kept.get(&(planned.arm, door)) {
                Some(kept) => kept.submit(flight),
                None => not_carried(flight),
            },
            Arm::Pooled => match self.pooled.get(&door) {
                Some(client) => {
                    tokio::spawn(pooled::carry(flight, client.clone()));
                }
                None => not_carried(flight),
            },
        }
    }
}

/// A plan that uses an arm has made what carries it. Were it not so, the attempt must not pass for one of another arm.
fn not_carried(flight: PendingAttempt) {
    let words = format!("nothing carries the arm {}", flight.planned().arm.name());
    flight.end(Outcome::ClientLocal, None, words);
}
