#!/bin/sh
# Runs rollproof for the action, writes the job summary and the outputs, and exits with rollproof's exit code.
#
# Reads:  INPUT_SCENARIO   a scenario file, or
#         INPUT_FILES      manifests, one path a line
#         INPUT_CLUSTER    kind, kind:NAME, context:NAME or embedded (default: kind)
#         INPUT_TRIALS     trials of each variant; empty: the scenario's, or 1
#         INPUT_ARGS       further arguments of `rollproof run`, one a line
#         INPUT_DIRECTORY  directory for the record and the reports (default: rollproof-report)
#         GITHUB_STEP_SUMMARY, GITHUB_OUTPUT   files to which the summary and the outputs are added, if set
# Each value becomes one argument, whatever it contains, and is never part of a command.
# By hand: INPUT_SCENARIO=scenarios/target-exit.yaml INPUT_CLUSTER=embedded INPUT_TRIALS=1 sh .github/action/run.sh
set -eu

refuse() {
  echo "run.sh: $1" >&2
  exit 2
}

directory=${INPUT_DIRECTORY:-rollproof-report}
newline='
'
case $directory in
  *"$newline"*) refuse "the input \`directory\` has more than one line; expected a path" ;;
  -*) refuse "the input \`directory\` begins with a dash; write ./ before it" ;;
esac
if [ -n "${INPUT_SCENARIO:-}" ] && [ -n "${INPUT_FILES:-}" ]; then
  refuse "the inputs \`scenario\` and \`files\` are both given; expected one of them"
fi
if [ -z "${INPUT_SCENARIO:-}" ] && [ -z "${INPUT_FILES:-}" ]; then
  refuse "neither \`scenario\` nor \`files\` is given; name a scenario file, or manifests to roll"
fi

set -- run "--cluster=${INPUT_CLUSTER:-kind}" "--out=$directory"
if [ -n "${INPUT_TRIALS:-}" ]; then set -- "$@" "--trials=$INPUT_TRIALS"; fi

# A here-document, not a pipe: the loop must change the arguments of this shell. Blank lines are ignored.
while IFS= read -r line; do
  if [ -n "$line" ]; then set -- "$@" "--filename=$line"; fi
done <<END_OF_FILES
${INPUT_FILES:-}
END_OF_FILES
while IFS= read -r line; do
  if [ -n "$line" ]; then set -- "$@" "$line"; fi
done <<END_OF_ARGUMENTS
${INPUT_ARGS:-}
END_OF_ARGUMENTS
# After `--`, a name may begin with a dash.
if [ -n "${INPUT_SCENARIO:-}" ]; then set -- "$@" -- "$INPUT_SCENARIO"; fi

echo "rollproof $*"
code=0
rollproof "$@" || code=$?

# Meanings: `rollproof --help`. A code that is not in this list is a signal, or a bug.
case $code in
  0) verdict=pass ;;
  4) verdict=fail ;;
  5) verdict=inconclusive ;;
  *) verdict=none ;;
esac

if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  if [ -s "$directory/report.md" ]; then
    cat -- "$directory/report.md" >>"$GITHUB_STEP_SUMMARY"
  else
    printf 'rollproof ended with exit code %s before it wrote a report; the log of this step shows the error.\n' "$code" \
      >>"$GITHUB_STEP_SUMMARY"
  fi
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'verdict=%s\ndirectory=%s\nexit-code=%s\n' "$verdict" "$directory" "$code" >>"$GITHUB_OUTPUT"
fi
exit "$code"
