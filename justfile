# Shortcuts for cargo commands; CI does not need them.

# Rolls a workload with and without preStop on this machine.
demo:
    cargo run --release -- demo

# Formatting, lints and tests, as in CI.
check:
    cargo fmt --check && cargo clippy --all-targets --locked -- -D warnings && cargo test --locked

# Makes the measurements of docs/performance.md.
bench:
    cargo bench

# Gives random hostile input to every reader of text from outside for so many minutes, or to one of them.
fuzz MINUTES="10" *TARGET:
    cargo test --locked --test fuzz -- --minutes {{MINUTES}} {{TARGET}}

# Checks licences, sources and bans of dependencies.
deny:
    cargo deny check

# Runs the scenarios with all their blocks, into one directory for each day; the documentation cites such runs.
full-blocks:
    cargo build --release --locked
    for name in apache-prestop target-exit control-no-rollout control-identical; do \
        target/release/rollproof run scenarios/$name.yaml --out reports/$(date +%F)/$name || echo "$name: $?"; done

# Takes the classic sequence apart, three trials of each variant; docs/classic-sequence.md cites the results.
apart:
    cargo build --release --locked
    for name in apache-event-apart apache-prefork-apart nginx-prestop; do \
        target/release/rollproof run scenarios/$name.yaml --out reports/$(date +%F)/$name || echo "$name: $?"; done

# Scores diagnosis on 200 random scenarios and on real servers, in less than half an hour, and writes the matrix to
# docs/diagnosis.md. Exits with 1 if more than 1 % is wrong or more than 5 % is unknown, and with 3 if too little was
# valid to decide.
score *ARGS:
    cargo test --locked --test scoring -- score --write docs/diagnosis.md {{ARGS}}

# Does the same while a thread spins on each core. Up to 15 % may be unknown.
score-busy *ARGS:
    cargo test --locked --test scoring -- score --busy --write docs/diagnosis.md {{ARGS}}

# Runs 50 trials of variants that must always lose something, or never, and writes the table to docs/diagnosis.md. Exits
# with 1 if a trial is wrong, and with 3 if too many are inconclusive. `just null --busy` keeps each core busy.
null *ARGS:
    cargo test --locked --test scoring -- null --write docs/diagnosis.md {{ARGS}}

# Does the same with 20 trials on a kind cluster.
null-kind NAME *ARGS:
    cargo test --locked --test scoring -- null --kind {{NAME}} --write docs/diagnosis.md {{ARGS}}

# Rolls Apache behind nginx, HAProxy and Traefik, and the proxies themselves, on a kind cluster, with an independent client beside, in
# about half an hour, and writes the tables to docs/proxies.md. Needs kubectl and go; docs/proxies.md says what else.
proxies NAME *ARGS:
    cargo test --locked --test scoring -- proxies --kind {{NAME}} --trials 3 --write docs/proxies.md {{ARGS}}

# Kills the driver of runs on a workload that stands in a kind cluster, at 20 moments; `cluster clean` must give the workload back each time.
attach-kills NAME:
    ROLLPROOF_TEST_KIND={{NAME}} ROLLPROOF_TEST_MOMENTS=20 cargo test --locked --test kind -- killed_at_any_moment

# Makes 200 runs with one random misfortune each (a signal, a killed or frozen process, a full disk, a limit), and counts how they
# ended. Exits with 1 if one passed that should not have, left something behind, or left a record that does not read.
misfortune *ARGS:
    cargo test --locked --test misfortune -- --runs 200 {{ARGS}}

# Makes the pictures of a report and of the terminal in docs/pictures, from a run with a fixed seed; needs Chromium and its driver.
pictures:
    cargo build --release --locked
    rm -rf target/pictures
    target/release/rollproof run scenarios/apache-prestop.yaml --trials 2 --seed 7 --out target/pictures || echo "ended with $?"
    cargo test --locked --test html -- pictures target/pictures docs/pictures
    for columns in 80 120; do \
        script -qec "stty cols $columns; NO_COLOR=1 target/release/rollproof report target/pictures" /dev/null | \
            tr -d '\r' >docs/pictures/terminal-$columns.txt; done

# Makes the picture of each cause in docs/pictures/causes, one rollout each, in about four minutes.
cause-pictures:
    cargo build --release --locked
    cargo test --locked --no-run --test html
    .ci/cause-pictures

# Makes the sample reports in reports/samples, with a fixed seed, in about eight minutes.
samples *NAMES:
    cargo build --release --locked
    .ci/samples {{NAMES}}

# Makes docs/completions and docs/man from the help.
pages:
    ROLLPROOF_UPDATE=1 cargo test --locked --test places stored
