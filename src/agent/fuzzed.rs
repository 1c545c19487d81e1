//! What a fuzzer gives to both sides of the agent. Nothing else uses it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::agent_access::AgentRight;
use super::lines::LineSplitter;
use super::wire::{
    AgentCounters, AgentHello, AgentRefusal, ClockReading, EndLoad, LoadOrder, LoadState, ProbeSwitch, ReachOrder,
    ReachResult, StreamStart,
};
use crate::observe::ObservedWorkload;
use crate::record::Entry;

/// Takes lines apart: however the stream is cut into pieces, the same lines come out, or the same error.
///
/// # Panics
/// They do not.
pub(crate) fn take_lines(bytes: &[u8], piece: usize) {
    let mut whole = LineSplitter::default();
    let expected = whole.push(bytes);
    let mut pieces = LineSplitter::default();
    let found: Result<Vec<_>, _> = bytes.chunks(piece.max(1)).map(|piece| pieces.push(piece)).collect();
    assert_eq!(found.map(|lines| lines.concat()), expected);
    if expected.is_ok() {
        assert_eq!(pieces.next(), whole.next());
    }
}

/// Reads bytes as each command and as each answer; what can be read is written in a form that is read as the same.
///
/// # Panics
/// It is not.
pub(crate) fn read_messages(bytes: &[u8]) {
    read::<Entry>(bytes);
    read::<ObservedWorkload>(bytes);
    read::<ProbeSwitch>(bytes);
    read::<EndLoad>(bytes);
    read::<LoadOrder>(bytes);
    read::<ReachOrder>(bytes);
    read::<Vec<AgentRight>>(bytes);
    read::<AgentHello>(bytes);
    read::<AgentRefusal>(bytes);
    read::<AgentCounters>(bytes);
    read::<ClockReading>(bytes);
    read::<LoadState>(bytes);
    read::<ReachResult>(bytes);
    read::<StreamStart>(bytes);
}

fn read<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(bytes) else { return };
    let text = serde_json::to_string(&message).map_err(|error| error.to_string());
    let again =
        text.as_ref().map(|text| serde_json::from_str::<T>(text).map(|again| serde_json::to_string(&again).ok()));
    let same = matches!((&again, &text), (Ok(Ok(Some(again))), Ok(text)) if again == text);
    assert!(same, "{} is not read as what was written: {text:?}", std::any::type_name::<T>());
}
