#!/usr/bin/env bash
# Fuzzes every parser of outside text for FUZZTIME each (20s): as many targets at
# once as there are processors, each with one worker. None begins after one has
# failed; Go keeps the failing input under testdata/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
export FUZZTIME=${FUZZTIME:-20s}

# fuzz DIR TARGET prints what it has to say at its end, all at once.
fuzz() {
	local text
	if text=$(go test -run '^$' -fuzz "^$2\$" -fuzztime "$FUZZTIME" -parallel 1 "./$1" </dev/null 2>&1); then
		printf '== %s %s, %s\n%s\n' "$1" "$2" "$FUZZTIME" "$(tail -n 3 <<<"$text")"
	else
		printf '== %s %s failed\n%s\n' "$1" "$2" "$text"
		return 255 # xargs starts no other
	fi
}
export -f fuzz

grep -ro --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' internal jobs orchestrator tools |
	sed 's|^\(.*\)/[^/]*:func \(.*\)|\1 \2|' | sort |
	xargs -P "$(nproc)" -L 1 bash -c 'fuzz "$@"' fuzz
