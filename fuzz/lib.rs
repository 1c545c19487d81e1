//! libFuzzer's way to the functions of `rollproof::fuzz`.

/// Gives bytes to the function of this name.
///
/// # Panics
/// The function panics, or none has this name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = rollproof::fuzz::TARGETS.iter().find(|target| target.name == name).expect("it has a name of TARGETS");
    (target.run)(bytes);
}
