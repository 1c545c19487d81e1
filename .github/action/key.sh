#!/bin/sh
# Prints the cache key of the action, `key=...`. The key changes when the sources of the program change.
#
# Reads:  ROLLPROOF_SOURCE  the folder with rollproof's Cargo.toml
#         INPUT_VERSION     a version from crates.io that replaces this source, or empty
#         GITHUB_OUTPUT     the file to which the line is added; without it, it is printed
set -eu

cd "${ROLLPROOF_SOURCE:?"key.sh: ROLLPROOF_SOURCE is not set; it names the folder with rollproof's Cargo.toml"}"
made_of=$(
  printf '%s\n' "${INPUT_VERSION:-}"
  # Images, manifests and scenarios are compiled into the program.
  find Cargo.toml Cargo.lock src images manifests scenarios -type f -exec sha256sum {} + | LC_ALL=C sort
)
key=rollproof-$(uname -s)-$(uname -m)-$(printf '%s\n' "$made_of" | sha256sum | cut -c 1-32)
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'key=%s\n' "$key" >>"$GITHUB_OUTPUT"
else
  printf 'key=%s\n' "$key"
fi
