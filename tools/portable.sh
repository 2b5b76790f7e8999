#!/usr/bin/env bash
# The same experiment gives the same digests from a binary whose processor fuses
# multiplication and addition (x86-64-v3, like arm64) and from one that does not.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! grep -qw fma /proc/cpuinfo 2>/dev/null || ! grep -qw avx2 /proc/cpuinfo; then
	echo "portable: this processor has no x86-64-v3 to compare with; not checked"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
repo=$PWD
for level in v1 v3; do
	GOAMD64=$level go build -o "$work/gymline-$level" ./orchestrator
	mkdir "$work/$level"
	(
		cd "$work/$level"
		"../gymline-$level" run "$repo/configs/quickstart.yaml" >/dev/null 2>&1
		"../gymline-$level" show quickstart-1 | sed '1,/^STEP/d'
	) >"$work/$level.txt"
done
if ! diff "$work/v1.txt" "$work/v3.txt"; then
	echo "portable: the digests above differ between x86-64-v1 and v3"
	exit 1
fi
echo "portable: $(grep -c . "$work/v1.txt") artifacts have the same digests on x86-64-v1 and v3"
