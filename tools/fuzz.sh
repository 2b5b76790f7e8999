#!/usr/bin/env bash
# Fuzzes every parser of outside text for FUZZTIME each (20s), one after another,
# and stops at the first that fails. Go keeps the failing input under testdata/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-20s}
grep -rl --include='*_test.go' '^func Fuzz' internal jobs orchestrator | xargs -n1 dirname | sort -u | while read -r dir; do
	grep -h '^func Fuzz' "$dir"/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/' | while read -r target; do
		echo "== $dir $target, $time"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./$dir" </dev/null | tail -n 3
	done
done
