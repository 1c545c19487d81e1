#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rollproof_fuzz::run("record", bytes));
