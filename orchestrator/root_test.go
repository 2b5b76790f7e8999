package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/golden"
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
	if want := []string{"completion", "help", "man", "version"}; !slices.Equal(alone, want) {
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

// docs/commands.md has what every command's help says, and man pages the same.
func TestCommandReference(t *testing.T) {
	root := newRoot(&cli.Edge{Getenv: nothingSet, Stdout: io.Discard, Now: func() time.Time { return time.Unix(0, 0) }})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	var page bytes.Buffer
	page.WriteString("# Commands\n\n<!-- Generated from the commands' help by 'make docs'. Do not edit. -->\n\nWhat `gymline COMMAND --help` says; [cli.md](cli.md) has what scripts can rely on.\n")
	dir := t.TempDir()
	if err := runMan(&cli.Edge{Stdout: io.Discard, Now: time.Now}, root, dir); err != nil {
		t.Fatal(err)
	}
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "help" || cmd.Name() == "completion" {
			return
		}
		var one bytes.Buffer
		if err := doc.GenMarkdown(cmd, &one); err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(one.String(), "### SEE ALSO")
		text, _, _ = strings.Cut(text, "### Options inherited")
		text = strings.NewReplacer("### Synopsis\n\n", "", "### Options\n\n", "").Replace(text)
		page.WriteString("\n" + strings.TrimRight(text, "\n") + "\n")
		manual, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		if err != nil || !strings.HasPrefix(string(manual), ".") || !strings.Contains(string(manual), "SYNOPSIS") {
			t.Errorf("manual page of %s: %v", cmd.Name(), err)
		}
		for _, below := range cmd.Commands() {
			each(below)
		}
	}
	each(root)
	golden.Check(t, filepath.Join(repo(t), "docs", "commands.md"), page.Bytes())
}
