#!/bin/sh
# verify.sh GYMLINE BIN: has a run's lineage, in the words of others, judged by their own validators.
set -eu
gymline=$1 bin=$2 here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$gymline" run "$here/../../configs/quickstart.yaml" > /dev/null 2>&1
"$gymline" lineage quickstart-1 -o openlineage > events.jsonl
"$bin/python" "$here/events.py" events.jsonl
mkdir crate
"$gymline" lineage quickstart-1 -o rocrate > crate/ro-crate-metadata.json
cp "$here/../../configs/quickstart.yaml" crate/experiment.yaml
"$bin/rocrate-validator" --disable-color -y validate --no-paging -p workflow-run-crate -l required crate
