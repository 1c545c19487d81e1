#!/bin/sh
# Runs rollproof for the action, writes the job summary and the outputs, and exits with rollproof's exit code.
#
# Reads:  INPUT_SCENARIO   a scenario file, or
#         INPUT_FILES      manifests, one path a line
#         INPUT_CLUSTER    kind, kind:NAME, context:NAME or embedded (default: kind)
#         INPUT_TRIALS     trials of each variant; empty: the scenario's, or 1
#         INPUT_ARGS       further arguments of `rollproof run`, one a line
#         INPUT_DIRECTORY  directory for the record and the reports (default: rollproof-report); where something is there
#                          already, the first of NAME-2, NAME-3 ... that is free
#         GITHUB_STEP_SUMMARY, GITHUB_OUTPUT   files to which the summary and the outputs are added, if set
#         GITHUB_ACTIONS   true in a job: what the program prints is then no workflow command
# Each value becomes one argument, whatever it contains, and is never part of a command.
# By hand: INPUT_SCENARIO=scenarios/target-exit.yaml INPUT_CLUSTER=embedded INPUT_TRIALS=1 sh .github/action/run.sh
set -eu

refuse() {
  printf 'run.sh: %s\n' "$1" >&2
  exit 2
}

# Whether anything is there that another run may have left: a file, a link, a folder that is not empty.
taken() {
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    [ -n "$(ls -A -- "$1")" ]
  else
    [ -e "$1" ] || [ -L "$1" ]
  fi
}

wanted=${INPUT_DIRECTORY:-rollproof-report}
case $wanted in
  *[[:cntrl:]]*) refuse "the input \`directory\` has more than one line or a control character; expected a path" ;;
  -*) refuse "the input \`directory\` begins with a dash; write ./ before it" ;;
esac
# A slash at the end would put the number inside.
while [ "${wanted%/}" != "$wanted" ] && [ "$wanted" != / ]; do wanted=${wanted%/}; done
# An earlier run's report must not be taken for this one's.
directory=$wanted
number=1
while taken "$directory"; do
  number=$((number + 1))
  directory=$wanted-$number
done
if [ -n "${INPUT_SCENARIO:-}" ] && [ -n "${INPUT_FILES:-}" ]; then
  refuse "the inputs \`scenario\` and \`files\` are both given; expected one of them"
fi
if [ -z "${INPUT_SCENARIO:-}" ] && [ -z "${INPUT_FILES:-}" ]; then
  refuse "neither \`scenario\` nor \`files\` is given; name a scenario file, or manifests to roll"
fi

# Said before the run, because a step that runs out of time says nothing after it.
if [ -n "${GITHUB_OUTPUT:-}" ]; then printf 'directory=%s\n' "$directory" >>"$GITHUB_OUTPUT"; fi
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

# A line of the log that begins with `::` is a command to the runner. Inputs and servers decide what is printed below, so none
# is followed until the token, which nobody can know, comes again.
token=
if [ "${GITHUB_ACTIONS:-}" = true ]; then
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$token"
fi
printf '%s\n' "$(printf 'rollproof %s' "$*" | tr '[:cntrl:]' ' ')"
code=0
rollproof "$@" || code=$?
if [ -n "$token" ]; then printf '\n::%s::\n' "$token"; fi

# The verdict in this run's own report: top-level fields are indented by two spaces, and no string of JSON spans lines.
reported=
if [ -s "$directory/report.json" ]; then
  reported=$(sed -n 's/^  "verdict": "\([a-z]*\)",\{0,1\}$/\1/p' "$directory/report.json")
fi
# Meanings: `rollproof --help`. A code that is not in this list is a signal, or a bug. Without a report, nothing was rolled.
verdict=none
if [ -n "$reported" ]; then
  case $code in
    0) if [ "$reported" = pass ]; then verdict=pass; fi ;;
    4) verdict=fail ;;
    5) verdict=inconclusive ;;
  esac
fi
# `--help` among the arguments ends with 0, and shows nothing about a rollout.
if [ "$code" = 0 ] && [ "$verdict" != pass ]; then
  printf 'run.sh: rollproof ended with exit code 0, but without a report that says pass; nothing was shown\n' >&2
  code=2
fi

if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  if [ -s "$directory/report.md" ]; then
    cat -- "$directory/report.md" >>"$GITHUB_STEP_SUMMARY"
  else
    printf 'rollproof ended with exit code %s before it wrote a report; the log of this step shows the error.\n' "$code" \
      >>"$GITHUB_STEP_SUMMARY"
  fi
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'verdict=%s\nexit-code=%s\n' "$verdict" "$code" >>"$GITHUB_OUTPUT"
fi
exit "$code"
