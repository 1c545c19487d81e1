# One-line recipes over plain cargo; nothing here is needed by CI.

# The main job: with and without preStop, on this machine.
demo:
    cargo run --release -- demo

# What CI runs.
check:
    cargo fmt --check && cargo clippy --all-targets --locked -- -D warnings && cargo test --locked

# The measurements of docs/performance.md.
bench:
    cargo bench

# Licences, sources and bans.
deny:
    cargo deny check
