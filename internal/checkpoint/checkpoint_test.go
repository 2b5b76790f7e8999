package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/checkpoint"
	"github.com/gymline/gymline/internal/fault"
)

// weights is a safetensors file with one tensor of four bytes for each name.
func weights(names ...string) string {
	var entries []string
	for i, name := range names {
		entries = append(entries, fmt.Sprintf(`%q:{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}`, name, 4*i, 4*i+4))
	}
	return raw(`{"__metadata__":{"format":"pt"},`+strings.Join(entries, ",")+"}  ", 4*len(names))
}

func raw(header string, data int) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + strings.Repeat("x", data)
}

// gguf is a file of llama.cpp with one tensor of 64 values of type F16 at the end.
func gguf(magic string) string {
	b := []byte(magic)
	number := func(size int, n uint64) { b = append(b, binary.LittleEndian.AppendUint64(nil, n)[:size]...) }
	name := func(s string) { number(8, uint64(len(s))); b = append(b, s...) }
	number(4, 3)
	number(8, 1)
	number(8, 3)
	name("general.architecture")
	number(4, 8)
	name("qwen2")
	name("tokenizer.ggml.tokens")
	number(4, 9)
	number(4, 8)
	number(8, 2)
	name("a")
	name("b")
	name("general.alignment")
	number(4, 4)
	number(4, 64)
	name("output.weight")
	number(4, 2)
	number(8, 32)
	number(8, 2)
	number(4, 1)
	number(8, 0)
	return string(b) + strings.Repeat("\x00", (64-len(b)%64)%64) + strings.Repeat("x", 128)
}

var full = map[string]string{
	"config.json":           `{"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","_name_or_path":"Qwen/Qwen2.5-7B"}`,
	"tokenizer.json":        `{"version":"1.0","model":{"type":"BPE","vocab":{"a":0},"merges":[]}}`,
	"tokenizer_config.json": `{}`,
	"model.safetensors":     weights("a", "b"),
}

// pieces is a SentencePiece model with one piece.
const pieces = "\x0a\x05\x0a\x03<s>\x12\x02\x18\x01"

const index = "model.safetensors.index.json"

var sharded = with(full, "model.safetensors", "",
	index, `{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}`,
	"model-1.safetensors", weights("a"), "model-2.safetensors", weights("b", "c"))

var lora = map[string]string{
	"adapter_config.json":       `{"peft_type":"LORA","r":8,"target_modules":["q_proj"],"base_model_name_or_path":"Qwen/Qwen2.5-7B"}`,
	"adapter_model.safetensors": weights("a"),
}

// with changes files; "" takes one away.
func with(files map[string]string, changes ...string) map[string]string {
	files = maps.Clone(files)
	for i := 0; i < len(changes); i += 2 {
		if files[changes[i]] = changes[i+1]; changes[i+1] == "" {
			delete(files, changes[i])
		}
	}
	return files
}

func folder(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestInspectTakes(t *testing.T) {
	qwen := checkpoint.Facts{Kind: checkpoint.Full, Base: "Qwen/Qwen2.5-7B", Architecture: "Qwen2ForCausalLM"}
	adapter := checkpoint.Facts{Kind: checkpoint.LoRA, Base: "Qwen/Qwen2.5-7B"}
	for name, c := range map[string]struct {
		files map[string]string
		base  string
		want  checkpoint.Facts
	}{
		"full":             {full, "", qwen},
		"full of another":  {full, "meta/llama", qwen}, // what a config calls itself is often a folder
		"sentencepiece":    {with(full, "tokenizer.json", "", "tokenizer.model", pieces), "", qwen},
		"tiktoken":         {with(full, "tokenizer.json", "", "tokenizer.model", "IQ== 0\nIg== 1\n"), "", qwen},
		"python's numbers": {with(full, "config.json", strings.Replace(full["config.json"], "{", `{"limit":[0.0,Infinity,-Infinity,NaN],"say":"NaN \" Infinity",`, 1)), "", qwen},
		"trainer's state":  {with(full, "training_args.bin", "\x80\x02", "optimizer.pt", "PK\x03\x04"), "", qwen},
		"everything":       {with(full, "generation_config.json", `{"top_p":Infinity}`, "merges.txt", "#version: 0.2\na b\n", "chat_template.jinja", "{{ x }}", "tokenizer.model", pieces), "", qwen},
		"lora, tokenizer":  {with(lora, "tokenizer.json", full["tokenizer.json"], "tokenizer_config.json", "{}"), "", adapter},
		"model_type":       {with(full, "config.json", `{"model_type":"qwen2"}`), "", checkpoint.Facts{Kind: checkpoint.Full, Architecture: "qwen2"}},
		"sharded":          {sharded, "", qwen},
		"gguf":             {map[string]string{"m.gguf": gguf("GGUF")}, "", checkpoint.Facts{Kind: checkpoint.Full, Architecture: "qwen2"}},
		"lora":             {lora, "", adapter},
		"lora of base":     {lora, "Qwen/Qwen2.5-7B", adapter},
		"lora, all":        {with(lora, "adapter_config.json", strings.Replace(lora["adapter_config.json"], `["q_proj"]`, `"all-linear"`, 1)), "", adapter},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := checkpoint.Inspect(folder(c.files), c.base)
			if err != nil || got != c.want {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestInspectRefuses(t *testing.T) {
	cut := full["model.safetensors"]
	cut = cut[:len(cut)-1]
	for name, c := range map[string]struct {
		files map[string]string
		want  []string // parts of each problem
	}{
		"empty":              {nil, []string{".: the folder is empty"}},
		"something else":     {map[string]string{"notes.md": "x"}, []string{"config.json: it is missing", "tokenizer.json: it is missing", "tokenizer_config.json: it is missing", "model.safetensors: it is missing"}},
		"empty config":       {with(full, "config.json", "{}"), []string{"config.json: it names neither"}},
		"half a config":      {with(full, "config.json", `{"mod`), []string{"config.json: it is not the JSON"}},
		"no tokenizer":       {with(full, "tokenizer.json", "", "tokenizer_config.json", ""), []string{"tokenizer.json: it is missing; save the tokenizer", "tokenizer_config.json"}},
		"pickle":             {with(full, "model.safetensors", "", "pytorch_model.bin", "x"), []string{"pytorch_model.bin is not taken: it is a pickle, and loading one runs code; save the weights as safetensors"}},
		"truncated":          {with(full, "model.safetensors", cut), []string{`model.safetensors: it is cut short: the tensor "b" ends after 8 bytes of data, and it has 7; copy it`}},
		"truncated header":   {with(full, "model.safetensors", cut[:40]), []string{"its header has 140 bytes, and the file 40"}},
		"seven bytes":        {with(full, "model.safetensors", cut[:7]), []string{"7 bytes are no safetensors file"}},
		"a web page":         {with(full, "model.safetensors", "<html>404 not found</html>"), []string{"it is a web page (HTML), not the file; download it again"}},
		"trailing bytes":     {with(full, "model.safetensors", full["model.safetensors"]+"x"), []string{"its tensors end after 8 bytes of data, and it has 9"}},
		"no tensor":          {with(full, "model.safetensors", raw("{}", 0)), []string{"it has no tensor"}},
		"list":               {with(full, "model.safetensors", raw("[]", 0)), []string{"its header is not a JSON object"}},
		"negative":           {with(full, "model.safetensors", raw(`{"a":{"dtype":"F32","shape":[],"data_offsets":[-4,0]}}`, 0)), []string{`describes the tensor "a" badly`}},
		"no offsets":         {with(full, "model.safetensors", raw(`{"a":{"dtype":"F32","shape":[]}}`, 0)), []string{`describes the tensor "a" badly`}},
		"after the object":   {with(full, "model.safetensors", raw(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}{}`, 4)), []string{"goes on after"}},
		"missing shard":      {with(sharded, "model-2.safetensors", ""), []string{"model-2.safetensors: it is missing; copy it"}},
		"truncated shard":    {with(sharded, "model-2.safetensors", sharded["model-2.safetensors"][:150]), []string{"model-2.safetensors: it is cut short"}},
		"empty shard":        {with(sharded, "model-2.safetensors", " "), []string{"model-2.safetensors: it is cut short"}},
		"tensor elsewhere":   {with(sharded, "model-2.safetensors", weights("c")), []string{"model-2.safetensors: it lacks 1 of the tensors", "the first is b"}},
		"escape":             {with(sharded, index, `{"weight_map":{"a":"../x","b":"/etc/x.safetensors","c":"..\\x.safetensors","d":".x.safetensors"}}`), []string{`"../x"`, `"/etc/x.safetensors"`, `"..\\x.safetensors"`, `".x.safetensors"`}},
		"not weights":        {with(sharded, index, `{"weight_map":{"a":"config.json"}}`), []string{`"config.json"`}},
		"no map":             {with(sharded, index, `{}`), []string{"its weight_map is empty"}},
		"half an index":      {with(sharded, index, `{"weight`), []string{index + ": it is not the JSON"}},
		"not gguf":           {map[string]string{"m.gguf": gguf("GGML")}, []string{"m.gguf: it is not a GGUF file"}},
		"cut gguf":           {map[string]string{"m.gguf": "GGUF"}, []string{"m.gguf: it is cut short"}},
		"cut gguf name":      {map[string]string{"m.gguf": gguf("GGUF")[:60]}, []string{"m.gguf: it is cut short"}},
		"cut gguf data":      {map[string]string{"m.gguf": strings.TrimSuffix(gguf("GGUF"), "x")}, []string{"m.gguf: it is cut short: its tensors need 384 bytes, and the file has 383"}},
		"two gguf":           {map[string]string{"m.gguf": gguf("GGUF"), "n.gguf": gguf("GGUF")}, []string{"one of 2 GGUF files"}},
		"adapter alone":      {with(lora, "adapter_config.json", ""), []string{"adapter_config.json: it is missing"}},
		"adapter's weights":  {with(lora, "adapter_model.safetensors", ""), []string{"adapter_model.safetensors: it is missing"}},
		"adapter of nothing": {with(lora, "adapter_config.json", `{"peft_type":"IA3","target_modules":[]}`), []string{`peft_type is "IA3"`, "rank r is 0", "no target_modules", "no base_model_name_or_path"}},
		"wrong base": {with(lora, "adapter_config.json", strings.Replace(lora["adapter_config.json"], "Qwen/Qwen2.5-7B", "meta/llama", 1)),
			[]string{`it is an adapter of "meta/llama", and the experiment wants one of "Qwen/Qwen2.5-7B"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := checkpoint.Inspect(folder(c.files), "Qwen/Qwen2.5-7B")
			problems, ok := errors.AsType[checkpoint.Problems](err)
			if !ok || fault.Code(err) != fault.Permanent || fault.Hint(err) == "" {
				t.Fatalf("not problems: %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in: %v", want, err)
				}
			}
			if len(problems) > max(len(c.want), 1) {
				t.Errorf("more problems than %d: %v", len(c.want), err)
			}
			for _, p := range problems {
				if p.File == "" || p.What == "" || p.Do == "" {
					t.Errorf("half a problem: %+v", p)
				}
			}
		})
	}
}

// counted counts the bytes that are read.
type counted struct {
	fs.FS
	n *int
}

type countedFile struct {
	fs.File
	n *int
}

func (c counted) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if _, dir := f.(fs.ReadDirFile); dir || err != nil {
		return f, err
	}
	return countedFile{f, c.n}, nil
}

func (f countedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	*f.n += n
	return n, err
}

// A model of any size costs its headers alone.
func TestInspectReadsNoWeights(t *testing.T) {
	header := `{"a":{"dtype":"F32","shape":[262144],"data_offsets":[0,1048576]}}`
	n := 0
	if _, err := checkpoint.Inspect(counted{folder(with(full, "model.safetensors", raw(header, 1<<20))), &n}, ""); err != nil {
		t.Fatal(err)
	}
	if n > 128<<10 {
		t.Errorf("read %d bytes", n)
	}
}

func FuzzSafetensors(f *testing.F) {
	for _, seed := range []string{"", "x", weights("a"), weights("a")[:60], raw("{}", 0), raw(`{"a":1}`, 0), raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9223372036854775807]}}`, 4)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := folder(lora)
		fsys["adapter_model.safetensors"] = &fstest.MapFile{Data: data}
		_, err := checkpoint.Inspect(fsys, "")
		if err == nil && len(data) < 10 {
			t.Errorf("took %q", data)
		}
		if err == nil {
			for _, other := range [][]byte{data[:len(data)-1], append(bytes.Clone(data), 0)} {
				fsys["adapter_model.safetensors"].Data = other
				if _, err := checkpoint.Inspect(fsys, ""); err == nil {
					t.Errorf("took %q, and %q", data, other)
				}
			}
		}
	})
}
