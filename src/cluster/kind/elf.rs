//! Reads from an executable which loader it asks for: the segment `PT_INTERP` of a 64-bit little-endian ELF file (System V
//! ABI, chapter 5). Pure.

const INTERPRETER: u32 = 3;

/// The path of the loader; `None` for what is linked statically or is no such file.
pub(super) fn interpreter(file: &[u8]) -> Option<String> {
    if file.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let at = |offset: usize, bytes: usize| -> Option<u64> {
        let field = file.get(offset..offset.checked_add(bytes)?)?;
        Some(field.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    };
    let place = |number: u64| usize::try_from(number).ok();
    let table = place(at(32, 8)?)?;
    let (size, count) = (place(at(54, 2)?)?, place(at(56, 2)?)?);
    for index in 0..count {
        let entry = table.checked_add(index.checked_mul(size)?)?;
        if at(entry, 4)? != u64::from(INTERPRETER) {
            continue;
        }
        let (offset, length) = (place(at(entry + 8, 8)?)?, place(at(entry + 32, 8)?)?);
        let text = file.get(offset..offset.checked_add(length)?)?;
        return String::from_utf8(text.strip_suffix(b"\0").unwrap_or(text).to_vec()).ok();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_asks_for_a_loader_that_is_there() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        if let Some(loader) = interpreter(&own) {
            assert!(std::path::Path::new(&loader).exists(), "{loader}");
        }
    }

    #[test]
    fn what_is_cut_or_no_program_asks_for_none() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        for length in [0, 5, 6, 20, 60, 64, 70] {
            assert_eq!(interpreter(&own[..length]), None, "{length}");
        }
        assert_eq!(interpreter(b"#!/bin/sh\n"), None);
    }
}
