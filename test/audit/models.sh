#!/bin/sh
# models.sh GYMLINE BIN: a signed export and checkpoint verify by OpenSSF's reference tool, and
# what that signs verifies here.
set -eu
gymline=$1 bin=$2 here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > train.sh <<'END'
cd "$GYMLINE_CHECKPOINT"
echo '{"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}' > config.json
echo '{"model":{"vocab":{"a":0}}}' > tokenizer.json
echo '{}' > tokenizer_config.json
printf '\066\000\000\000\000\000\000\000{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}data' > model.safetensors
END
"$gymline" run "$here/../../configs/handoff.yaml" --set 'train={agent: {base: Qwen/Qwen2.5-7B, command: [sh, train.sh]}}' > /dev/null 2>&1
"$gymline" keygen key --kind p256 > /dev/null
"$gymline" sign handoff-1 --key key
for step in finetune-export train-agent; do
	"$gymline" fetch handoff-1 $step $step
	mkdir $step/.git && echo x > $step/.git/config
	"$bin/model_signing" verify key --signature $step/model.sig --public_key key.pub $step
	rm $step/model.sig
	"$bin/model_signing" sign key --signature $step/model.sig --private_key key $step
	"$gymline" verify --folder $step --key key.pub
done
echo >> train-agent/config.json
! "$bin/model_signing" verify key --signature train-agent/model.sig --public_key key.pub train-agent
! "$gymline" verify --folder train-agent --key key.pub
