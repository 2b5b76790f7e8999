//go:build e2e

// Trainer stands for a user's trainer: it reads the export and leaves the
// smallest checkpoint that is whole. It refuses to work where it finds more than
// a trainer should.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "fill" { // more than its pod may
		if err := os.WriteFile(filepath.Join(os.Getenv("GYMLINE_CHECKPOINT"), "large"), make([]byte, 64<<20), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, "trainer:", err)
			os.Exit(1)
		}
		time.Sleep(10 * time.Minute)
	}
	if err := train(); err != nil {
		fmt.Fprintln(os.Stderr, "trainer:", err)
		os.Exit(1)
	}
}

func train() error {
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "GYMLINE_STORE_") {
			return fmt.Errorf("it was given %s", strings.SplitN(v, "=", 2)[0])
		}
	}
	if _, err := os.Stat("/var/run/secrets/kubernetes.io"); err == nil {
		return fmt.Errorf("it was given a token of the cluster")
	}
	rows := 0
	err := filepath.WalkDir(os.Getenv("GYMLINE_EXPORT"), func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "train.jsonl") {
			data, err := os.ReadFile(path)
			rows += strings.Count(string(data), "\n")
			return err
		}
		return err
	})
	if err != nil || rows == 0 {
		return fmt.Errorf("%d rows to train on: %v", rows, err)
	}
	fmt.Fprintf(os.Stderr, "trained on %d rows\n", rows)
	header := `{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	weights := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+"\x00\x00\x80\x3f"...)
	for name, data := range map[string]string{
		"config.json": `{"architectures":["LlamaForCausalLM"],"model_type":"llama"}`, "tokenizer.json": `{"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}`,
		"tokenizer_config.json": `{}`, "generation_config.json": `{}`, "model.safetensors": string(weights),
	} {
		if err := os.WriteFile(filepath.Join(os.Getenv("GYMLINE_CHECKPOINT"), name), []byte(data), 0o644); err != nil {
			return err
		}
	}
	return nil
}
