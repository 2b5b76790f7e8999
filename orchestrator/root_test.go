package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/cli"
)

// Help lists every command that people type, in its group, and names all jobs; the
// page for readers has the same commands.
func TestHelp(t *testing.T) {
	var out bytes.Buffer
	root := newRoot(&cli.Edge{Args: []string{"--help"}, Getenv: nothingSet, Stdout: &out})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(repo(t), "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	var hidden, alone []string
	for _, cmd := range root.Commands() {
		listed := strings.Contains(out.String(), "\n  "+cmd.Name()+" ")
		switch {
		case cmd.Hidden:
			hidden = append(hidden, cmd.Name())
		case cmd.GroupID == "":
			alone = append(alone, cmd.Name())
		}
		if listed == cmd.Hidden {
			t.Errorf("%s: listed %v, hidden %v", cmd.Name(), listed, cmd.Hidden)
		}
		if !strings.Contains(string(page), "`"+cmd.Name()) {
			t.Errorf("docs/cli.md lacks %s", cmd.Name())
		}
	}
	if want := []string{"attend", "install", "job", "look", "open", "seal"}; !slices.Equal(hidden, want) {
		t.Errorf("hidden: %v, want %v", hidden, want)
	}
	if want := []string{"completion", "help", "version"}; !slices.Equal(alone, want) {
		t.Errorf("without a group: %v, want %v", alone, want)
	}
	for name := range jobs {
		if !strings.Contains(root.Long, name) {
			t.Errorf("help does not name the job %s", name)
		}
	}
}

// A shell that completes gymline's commands gets its script.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		var out bytes.Buffer
		err := newRoot(&cli.Edge{Args: []string{"completion", shell}, Getenv: nothingSet, Stdout: &out}).ExecuteContext(t.Context())
		if err != nil || !strings.Contains(out.String(), "gymline") {
			t.Errorf("%s: %v, %d bytes", shell, err, out.Len())
		}
	}
	var out bytes.Buffer
	err := newRoot(&cli.Edge{Args: []string{"__complete", "sh"}, Getenv: nothingSet, Stdout: &out, Stderr: &bytes.Buffer{}}).ExecuteContext(t.Context())
	if err != nil || !strings.Contains(out.String(), "show\tShow a run") {
		t.Errorf("%v, %s", err, out.String())
	}
}

// nothingSet is an empty environment.
func nothingSet(string) string { return "" }
