//! The measured figures in sentences.

use super::advise::Rules;
use super::stop_plan::{USUAL_FIRST_S, drains_already};
use crate::servers::Server;

impl Rules<'_> {
    pub(super) fn lag_words(&self) -> String {
        let waits_s = self.subject.hook.first_sleep_s();
        match (self.measured.routing_lag_s, self.measured.first_sleep_s()) {
            (Some(lag), _) if waits_s > lag => format!(
                "New connections reached a pod until {lag:.1} s after its deletion; its hook waits {waits_s} s before the server stops."
            ),
            (Some(lag), Some(sleep)) => format!(
                "New connections still reached a pod {lag:.1} s after its deletion: wait at least {sleep} s before the server stops."
            ),
            _ if waits_s > 0.0 => format!(
                "This run could not measure for how long new connections are routed to a pod after its deletion; its hook waits \
                 {waits_s} s before the server stops."
            ),
            _ => format!(
                "New connections were still routed to a pod that had stopped; this run could not measure for how long. \
                 {USUAL_FIRST_S} s before the server stops is a usual wait."
            ),
        }
    }

    pub(super) fn slowest_words(&self) -> String {
        match (self.measured.slowest_request_s, self.measured.last_sleep_s()) {
            (Some(slowest), Some(sleep)) => {
                let slowest = if slowest < 0.05 { "less than 0.1".to_owned() } else { format!("{slowest:.1}") };
                let took = if self.measured.slowest_was_cut {
                    format!("The oldest request that was cut had taken {slowest} s")
                } else {
                    format!("The slowest request took {slowest} s")
                };
                format!("{took}: give requests in flight at least {sleep} s.")
            }
            _ => "This run could not measure how long a request takes.".to_owned(),
        }
    }

    pub(super) fn cut_words(&self) -> String {
        let what = match (self.subject.server, self.subject.server.graceful_command()) {
            (Server::BuiltIn, _) if drains_already(self.subject) => "The stop cut requests in flight.".to_owned(),
            (Server::BuiltIn, _) => {
                "The stop signal cut requests in flight; with --on-term=drain they are answered.".to_owned()
            }
            (_, Some(command)) => {
                format!("The stop signal cut requests in flight; `{command}` lets the server answer them.")
            }
            (_, None) => "The stop cut requests in flight.".to_owned(),
        };
        format!("{what} {} {}", self.slowest_words(), self.lag_words())
    }
}
