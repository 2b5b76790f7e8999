package checkpoint_test

import (
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/checkpoint"
)

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"

// What stands in the place of a file is named for what it is.
func TestWhatStandsInAFilesPlaceIsNamed(t *testing.T) {
	const page = "\n<!DOCTYPE html>\n<html><body>Sign in</body></html>"
	for name, c := range map[string]struct {
		of         map[string]string
		file, text string
		want       string
	}{
		"pointer as tokenizer":    {full, "tokenizer.json", pointer, "it is a Git LFS pointer, not the file; run git lfs pull"},
		"pointer as vocabulary":   {full, "tokenizer.model", pointer, "it is a Git LFS pointer"},
		"pointer as weights":      {full, "model.safetensors", pointer, "it is a Git LFS pointer"},
		"pointer as config":       {full, "config.json", pointer, "it is a Git LFS pointer"},
		"pointer as shard":        {sharded, "model-2.safetensors", pointer, "it is a Git LFS pointer"},
		"pointer as adapter":      {lora, "adapter_model.safetensors", pointer, "it is a Git LFS pointer"},
		"pointer beside adapter":  {lora, "tokenizer.json", pointer, "it is a Git LFS pointer"},
		"pointer as merges":       {full, "merges.txt", pointer, "it is a Git LFS pointer"},
		"pointer as gguf":         {map[string]string{}, "m.gguf", pointer, "it is a Git LFS pointer"},
		"page as tokenizer":       {full, "tokenizer.json", page, "it is a web page (HTML), not the file; download it again"},
		"page as its config":      {full, "tokenizer_config.json", page, "it is a web page (HTML)"},
		"page as template":        {full, "chat_template.jinja", page, "it is a web page (HTML)"},
		"server's XML":            {full, "tokenizer.json", "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "it is a server's message (XML)"},
		"server's JSON":           {full, "tokenizer.json", `{"error":"Repository not found"}`, "it has no model"},
		"server's words":          {full, "tokenizer.json", "Entry not found", `it begins "Entry not found"`},
		"half a tokenizer":        {full, "tokenizer.json", full["tokenizer.json"][:40], "it is cut short"},
		"half a vocabulary":       {full, "tokenizer.model", pieces[:6], "it is cut short or no SentencePiece model"},
		"no vocabulary":           {full, "tokenizer.json", `{"model":{"type":"BPE"}}`, "its model has no vocab"},
		"empty tokenizer":         {full, "tokenizer.json", " ", `it begins ""`},
		"Python's numbers in it":  {full, "tokenizer.json", `{"model":{"vocab":{"a":NaN}}}`, "it holds NaN or Infinity"},
		"byte order mark":         {full, "config.json", "\xef\xbb\xbf" + full["config.json"], "it starts with a byte order mark (BOM)"},
		"UTF-16":                  {full, "config.json", "\xff\xfe{\x00}\x00", "it is text in UTF-16"},
		"Latin-1":                 {full, "config.json", "{\"model_type\":\"m\xfcller\"}", "it is not UTF-8"},
		"zip of torch":            {full, "model.safetensors", "PK\x03\x04" + strings.Repeat("x", 40), "a pickle, and loading one runs code; save the weights as safetensors"},
		"pickle of torch":         {lora, "adapter_model.safetensors", "\x80\x02\x8a\x0al\xfc\x9cF\xf9", "it is a pickle"},
		"compressed":              {full, "tokenizer.json", "\x1f\x8b\x08\x00", "it is compressed (gzip)"},
		"zeros":                   {full, "model.safetensors", strings.Repeat("\x00", 4096), "its copy was never finished"},
		"empty file beside":       {full, "generation_config.json", "", ""},
		"other weights and index": {with(sharded, "model.safetensors", "x"), "model.safetensors", "0123456789", "it is not a safetensors file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := checkpoint.Inspect(folder(with(c.of, c.file, c.text)), "")
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.file+": ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("no %q alone in: %v", c.want, err)
			}
		})
	}
}

// Weights that are there in a form that runs code are refused for that reason;
// what a trainer keeps for itself is no reason.
func TestPicklesAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"adapter":         {with(lora, "adapter_model.safetensors", "", "adapter_model.bin", "PK"), "adapter_model.safetensors: it is missing; adapter_model.bin is not taken: it is a pickle, and loading one runs code; save the weights as safetensors (save_pretrained with safe_serialization=True)"},
		"shards":          {with(full, "model.safetensors", "", "pytorch_model-00001-of-00002.bin", "PK"), "pytorch_model-00001-of-00002.bin is not taken"},
		"consolidated":    {with(full, "model.safetensors", "", "consolidated.00.pth", "PK"), "consolidated.00.pth is not taken"},
		"state alone":     {with(full, "model.safetensors", "", "training_args.bin", "PK", "optimizer.pt", "PK"), "model.safetensors: it is missing, and so is model.safetensors.index.json; save the weights"},
		"deepspeed":       {with(full, "model.safetensors", "", "zero_to_fp32.py", "#"), "the sharded state of DeepSpeed; make weights of it"},
		"adapter, no bin": {with(lora, "adapter_model.safetensors", ""), "adapter_model.safetensors: it is missing; save the weights"},
	} {
		_, err := checkpoint.Inspect(folder(c.files), "")
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "training_args") {
			t.Errorf("%s: no %q in: %v", name, c.want, err)
		}
	}
}
