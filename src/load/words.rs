//! What a library says of an error that no error number tells.

use std::error::Error;

/// The words of the error at the bottom of a chain of sources.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    for _ in 0..32 {
        let Some(source) = innermost.source() else { break };
        innermost = source;
    }
    innermost.to_string()
}
