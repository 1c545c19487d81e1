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

# The scenarios with all their blocks; the results that the documentation cites are made so, one directory a day.
full-blocks:
    cargo build --release --locked
    for name in apache-prestop target-exit control-no-rollout control-identical; do \
        target/release/rollproof run scenarios/$name.yaml --out reports/$(date +%F)/$name || echo "$name: $?"; done

# The classic sequence taken apart, three trials a variant; docs/classic-sequence.md cites the results.
apart:
    cargo build --release --locked
    for name in apache-event-apart apache-prefork-apart nginx-prestop; do \
        target/release/rollproof run scenarios/$name.yaml --out reports/$(date +%F)/$name || echo "$name: $?"; done

# Diagnosis against the truth: 200 random scenarios and the real servers, in less than half an hour; ends with 1 if more than 1 %
# is wrong or 5 % unknown. docs/diagnosis.md gets the matrix.
score *ARGS:
    cargo test --locked --test scoring -- score --write docs/diagnosis.md {{ARGS}}

# The pictures of a report in docs/pictures, from a run with a fixed seed; needs Chromium and its driver.
pictures:
    cargo build --release --locked
    rm -rf target/pictures
    target/release/rollproof run scenarios/apache-prestop.yaml --trials 2 --seed 7 --out target/pictures || echo "ended with $?"
    cargo test --locked --test html -- pictures target/pictures docs/pictures

# The picture of each cause in docs/pictures/causes: one rollout each, about four minutes.
cause-pictures:
    cargo build --release --locked
    cargo test --locked --no-run --test html
    .ci/cause-pictures

# The sample reports that are stored in reports/samples, with fixed seeds; about eight minutes.
samples *NAMES:
    cargo build --release --locked
    .ci/samples {{NAMES}}

# The completions and manual pages that are stored in docs/, from the help.
pages:
    ROLLPROOF_UPDATE=1 cargo test --locked --test places stored
