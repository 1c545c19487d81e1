//! Carries each command out once, however often it is sent: a driver that did not hear the answer asks again under the
//! same number, and gets the answer of the first time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::StatusCode;

/// Answers that are kept. A driver has a handful of commands under way at a time.
const KEPT: usize = 256;

pub(super) type AgentAnswer = (StatusCode, Vec<u8>);

/// Recent commands, running or answered.
#[derive(Default)]
pub(super) struct CommandAnswers {
    known: Mutex<BTreeMap<u64, Shared<BoxFuture<'static, AgentAnswer>>>>,
}

impl CommandAnswers {
    /// The answer of command `number`, which `begin` carries out unless that was done before. It goes on to its end when
    /// the one who asks goes away.
    pub(super) async fn of(&self, number: u64, begin: impl FnOnce() -> BoxFuture<'static, AgentAnswer>) -> AgentAnswer {
        let answer = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = known.entry(number).or_insert_with(|| {
                let task = tokio::spawn(begin());
                let outcome = async move {
                    task.await.unwrap_or_else(|error| {
                        let text =
                            format!("{{\"error\":\"the agent failed: {}\"}}", error.to_string().escape_default());
                        (StatusCode::INTERNAL_SERVER_ERROR, text.into_bytes())
                    })
                };
                outcome.boxed().shared()
            });
            let answer = answer.clone();
            while known.len() > KEPT {
                known.pop_first();
            }
            answer
        };
        answer.await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_command_sent_again_is_carried_out_once_also_when_the_first_asker_went_away() {
        let answers = Arc::new(CommandAnswers::default());
        let done = Arc::new(AtomicUsize::new(0));
        let command = |number| {
            let (answers, done) = (Arc::clone(&answers), Arc::clone(&done));
            async move {
                answers
                    .of(number, || {
                        async move {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            (StatusCode::OK, vec![u8::try_from(done.fetch_add(1, SeqCst)).unwrap()])
                        }
                        .boxed()
                    })
                    .await
            }
        };
        assert!(tokio::time::timeout(Duration::from_millis(5), command(1)).await.is_err());
        assert_eq!(command(1).await, (StatusCode::OK, vec![0]));
        assert_eq!(command(1).await, (StatusCode::OK, vec![0]));
        assert_eq!(command(2).await, (StatusCode::OK, vec![1]));
    }
}
