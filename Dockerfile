# rollproof with the servers of its recipes: for machines without Rust, and as the agent's image (--agent-image).
# docs/ci.md shows how it is used.
ARG RUST_IMAGE=rust:1.95.0-slim-trixie
ARG DEBIAN_IMAGE=debian:trixie-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY images images
COPY manifests manifests
COPY scenarios scenarios
COPY src src
# Cargo.toml names files of the tests.
COPY tests tests
RUN cargo build --release --locked --bin rollproof \
 && install -D --strip target/release/rollproof /out/rollproof

FROM ${DEBIAN_IMAGE}
# Apache and nginx for the embedded cluster's recipes, procps for hooks that look for processes. The policy keeps the packages from
# starting their services.
# hadolint ignore=DL3008
RUN printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d \
 && chmod +x /usr/sbin/policy-rc.d \
 && apt-get update \
 && apt-get install --yes --no-install-recommends apache2 ca-certificates nginx-light procps \
 && rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d \
 && install -d -o 65532 -g 65532 /work /spool
COPY --from=build /out/rollproof /usr/local/bin/rollproof
COPY manifests /work/manifests
COPY scenarios /work/scenarios
# The agent's pod runs as this user too. Reports go to /work/reports, or to what is mounted there.
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["rollproof"]
CMD ["--help"]
