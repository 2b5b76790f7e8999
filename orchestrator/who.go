package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/input"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// envBy names who acts where nobody types a command, such as a cluster's service account.
const envBy = "GYMLINE_BY"

// whoFlags say who does what a command does, and why.
type whoFlags struct{ by, reason string }

func (f *whoFlags) bind(cmd *cobra.Command) {
	f.bindBy(cmd)
	cmd.Flags().StringVar(&f.reason, "reason", "", "`TEXT` that says why, for the record")
}

// bindBy is of what is a reason itself.
func (f *whoFlags) bindBy(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.by, "by", "", "`NAME` of who does it, for the record (default: $GYMLINE_BY, or else the user)")
	args := cmd.Args
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		if len(f.by) > 100 || len(f.reason) > 2000 || strings.ContainsAny(f.by+f.reason, "\r\n") {
			return usage(cmd, errors.New("--by, --reason: want one line each, of at most 100 and 2000 bytes"))
		}
		if err := unsecret("--by, --reason", f.by, f.reason); err != nil {
			return usage(cmd, err)
		}
		return args(cmd, given)
	}
}

// unsecret refuses words that hold what looks like a secret: what a record says stays.
func unsecret(what string, words ...string) error {
	if slices.ContainsFunc(words, experiment.HoldsSecret) {
		return errors.New(what + ": holds what looks like a secret, and stays in the store for ever: take it out, or say what it is if it is none: commit …, sha256:…, uuid …")
	}
	return nil
}

// who is who acts: as they say, as their surroundings say, or as the machine calls the user.
func (f *whoFlags) who(edge *cli.Edge) string {
	name := cmp.Or(f.by, edge.Getenv(envBy))
	if name == "" && edge.User != nil {
		name = edge.User()
	}
	return text.Clip(text.Line(name), 100)
}

// sign makes a registry's records say who and why.
func (f *whoFlags) sign(edge *cli.Edge, r *run.Registry) {
	r.By, r.Reason = f.who(edge), text.Line(f.reason)
}

// binary is this binary. Its digest is found when somebody asks, once.
func binary(edge *cli.Edge) func() *store.Binary {
	return sync.OnceValue(func() *store.Binary {
		p := made()
		b := &store.Binary{Version: p.Version, Revision: p.Commit, Modified: p.Dirty != nil && *p.Dirty, Go: p.Go, Platform: p.OS + "/" + p.Arch}
		memory := ""
		if dir := edge.CacheDir(); dir != "" {
			memory = filepath.Join(dir, "inputs")
		}
		if edge.Executable == nil {
			return b
		}
		if path, err := edge.Executable(); err == nil {
			if d, err := input.DigestOf(memory, path, edge.Now()); err == nil {
				b.Digest = d
			}
		}
		return b
	})
}

// surroundings are what a run's binding says of the process that sealed it.
func surroundings(edge *cli.Edge) map[string]string {
	about := map[string]string{"cpus": fmt.Sprint(runtime.NumCPU())}
	if edge.Environ == nil {
		return about
	}
	var names []string
	for _, v := range edge.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "GYMLINE_") {
			names = append(names, name)
		}
	}
	if slices.Sort(names); len(names) > 0 {
		about["variables"] = strings.Join(names, " ")
	}
	return about
}

// printWho shows who opened a run and why, with which binary, and where the files are that
// it was asked for with.
func printWho(edge *cli.Edge, r store.Run) {
	if r.By != "" || r.Reason != "" {
		line := "by " + cmp.Or(r.By, "unknown")
		if r.Reason != "" {
			line += ": " + r.Reason
		}
		fmt.Fprintln(edge.Stdout, text.Line(line))
	}
	line := "gymline " + cmp.Or(r.Version, "unknown")
	if b := r.Binary; b != nil {
		line = fmt.Sprintf("%s, %s, %s", line, b.Go, b.Platform)
		if b.Digest != "" {
			line += ", sha256 " + string(b.Digest)
		}
	}
	fmt.Fprintln(edge.Stdout, text.Line(line))
	if s := r.Source; s != nil {
		line := "source " + string(s.Experiment)
		if s.Profile != "" {
			line += ", profile " + string(s.Profile)
		}
		fmt.Fprintln(edge.Stdout, line)
		for _, name := range slices.Sorted(maps.Keys(s.Files)) {
			fmt.Fprintln(edge.Stdout, "  "+text.Line(name), s.Files[name].Digest)
		}
	}
}
