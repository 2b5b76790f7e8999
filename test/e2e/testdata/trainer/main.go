//go:build e2e

// Trainer stands for a user's trainer: it reads the export and leaves the
// smallest checkpoint that is whole. It refuses to work where it finds more than
// a trainer should. Its first argument says otherwise what it does, and its second
// is the store's secret key, spelt backwards with dashes, which it looks for.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := work(append(os.Args[1:], "", "")); err != nil {
		fmt.Fprintln(os.Stderr, "trainer:", err)
		os.Exit(1)
	}
}

func work(args []string) error {
	switch args[0] {
	case "", "search":
		return train(args)
	case "fail":
		fmt.Fprintln(os.Stderr, "the loss is \x1b[31mNaN\x1b[0m")
		os.Exit(3)
	case "eat": // until memory runs out
		var held [][]byte
		for {
			piece := make([]byte, 1<<20)
			for i := range piece {
				piece[i] = 1
			}
			held = append(held, piece)
		}
	case "stay":
		signal.Ignore(syscall.SIGTERM)
		fmt.Fprintln(os.Stderr, "it stays")
		time.Sleep(time.Hour)
	case "link":
		made := os.Getenv("GYMLINE_CHECKPOINT")
		return errors.Join(os.Remove(made), os.Symlink("/etc", made))
	case "fill": // more than its pod may
		if err := os.WriteFile(filepath.Join(os.Getenv("GYMLINE_CHECKPOINT"), "large"), make([]byte, 64<<20), 0o600); err != nil {
			return err
		}
		time.Sleep(10 * time.Minute)
	case "decoy":
		time.Sleep(time.Hour)
	default:
		return fmt.Errorf("it knows no %q", args[0])
	}
	return nil
}

func train(args []string) error {
	if err := alone(); err != nil {
		return err
	}
	if args[0] == "search" {
		if err := search(backwards(args[1])); err != nil {
			return err
		}
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

// alone refuses what no trainer should be given.
func alone() error {
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "GYMLINE_STORE_") || strings.HasPrefix(v, "ARGO_") {
			return fmt.Errorf("it was given %s", strings.SplitN(v, "=", 2)[0])
		}
	}
	for _, path := range []string{"/var/run/secrets/kubernetes.io", "/var/run/argo"} {
		if _, err := os.Stat(path); err == nil {
			return fmt.Errorf("it was given %s", path)
		}
	}
	return nil
}
