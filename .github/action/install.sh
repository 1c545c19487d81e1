#!/bin/sh
# Installs rollproof for the action from the source of the action, unless it is already installed.
#
# Reads:  ROLLPROOF_SOURCE     the folder with rollproof's Cargo.toml (the action's own)
#         ROLLPROOF_ROOT       the folder into which `cargo install` puts bin/rollproof
#         INPUT_VERSION        a version from crates.io, such as 0.1.0; if empty, ROLLPROOF_SOURCE is built
#         GITHUB_PATH          the file to which the program's folder is added
# No value is interpreted as a command.
set -eu

root=${ROLLPROOF_ROOT:?"install.sh: ROLLPROOF_ROOT is not set; it names the folder to install into"}
version=${INPUT_VERSION:-}

if [ -x "$root/bin/rollproof" ]; then
  printf 'rollproof is already installed: %s\n' "$("$root/bin/rollproof" --version)"
elif ! command -v cargo >/dev/null; then
  printf 'install.sh: cargo was not found; install Rust before this action\n' >&2
  exit 3
elif [ -n "$version" ]; then
  case $version in
    *[!0-9A-Za-z.+-]* | -*)
      printf '%s\n' "install.sh: the input \`version\` is not a version; expected one like 0.1.0" >&2
      exit 2
      ;;
  esac
  cargo install --locked --root "$root" --version "$version" rollproof
else
  source=${ROLLPROOF_SOURCE:?"install.sh: ROLLPROOF_SOURCE is not set; it names the folder with rollproof's Cargo.toml"}
  cargo install --locked --root "$root" --path "$source"
fi

if [ -n "${GITHUB_PATH:-}" ]; then
  printf '%s\n' "$root/bin" >>"$GITHUB_PATH"
fi
