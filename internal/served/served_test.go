package served

import (
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

func TestCheck(t *testing.T) {
	tree := store.DigestOf([]byte("tree"))
	unknown := "whether the weights are those of the checkpoint " + tree.Short()
	full, lora, gguf := plan.Checkpoint{Tree: tree, Kind: "full"}, plan.Checkpoint{Tree: tree, Kind: "lora", Base: "Qwen/Qwen2.5-7B-Instruct"}, []store.TreeFile{{Path: "README.md"}, {Path: "m/tuned.Q8_0.gguf", Bytes: 144_000_000}}
	one := func(m llm.Listed) *llm.Listing { return &llm.Listing{Models: []llm.Listed{m}} }
	for name, c := range map[string]struct {
		said  *llm.Listing
		of    plan.Checkpoint
		files []store.TreeFile
		want  string
	}{
		"silent":       {nil, full, nil, "not known: what it serves, " + unknown},
		"vllm":         {one(llm.Listed{ID: "tuned", Root: "/models/tuned"}), full, nil, "agrees: it lists tuned; not known: " + unknown},
		"other name":   {one(llm.Listed{ID: "x"}), full, nil, "not known: it lists x alone, and not tuned, " + unknown},
		"not there":    {&llm.Listing{Models: []llm.Listed{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}, {ID: "e"}}}, full, nil, "differs: it lists a, b, c, d, 1 more, and not tuned; not known: " + unknown},
		"nothing":      {&llm.Listing{}, full, nil, "differs: it lists nothing, and not tuned; not known: " + unknown},
		"adapter":      {one(llm.Listed{ID: "tuned", Parent: "/models/Qwen2.5-7B-Instruct"}), lora, nil, "agrees: it lists tuned, it is listed as an adapter of /models/Qwen2.5-7B-Instruct; not known: " + unknown},
		"other base":   {one(llm.Listed{ID: "tuned", Parent: "meta/Llama"}), lora, nil, "differs: it is listed as an adapter of meta/Llama, and the checkpoint is one of Qwen/Qwen2.5-7B-Instruct; agrees: it lists tuned; not known: " + unknown},
		"no adapter":   {one(llm.Listed{ID: "tuned"}), lora, nil, "agrees: it lists tuned; not known: whether it is the adapter: it is not listed as one, " + unknown},
		"full adapter": {one(llm.Listed{ID: "tuned", Parent: "b"}), full, nil, "differs: it is listed as an adapter of b, and the checkpoint is a whole model; agrees: it lists tuned; not known: " + unknown},
		"llama.cpp": {
			&llm.Listing{Models: []llm.Listed{{ID: "tuned", Bytes: 143_000_000}}, File: `C:\models\tuned.Q8_0.gguf`}, full, gguf,
			"agrees: it lists tuned, it has loaded a file tuned.Q8_0.gguf, its tensors take 143,000,000 bytes, as the checkpoint's may; not known: " + unknown,
		},
		"SmolLM2, as a real server told": {
			one(llm.Listed{ID: "smollm2-135m", Aliases: []string{"smollm2-135m", "tuned"}, Bytes: 96_576_768}), full, []store.TreeFile{{Path: "SmolLM2-135M-Instruct.Q4_1.gguf", Bytes: 98_362_432}},
			"agrees: it lists tuned, its tensors take 96,576,768 bytes, as the checkpoint's may; not known: " + unknown,
		},
		"other gguf": {
			&llm.Listing{Models: []llm.Listed{{ID: "tuned", Bytes: 500_000_000}}, File: "/m/base.gguf"}, full, gguf,
			"differs: its tensors take 500,000,000 bytes, and the checkpoint's file has 144,000,000; agrees: it lists tuned; not known: whether its file base.gguf is tuned.Q8_0.gguf under another name, " + unknown,
		},
	} {
		if got := Check("tuned", c.said, "what it serves", c.of, c.files).String(); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
