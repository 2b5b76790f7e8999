package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
)

// commit is what the linker was told of the checkout: a commit, and +dirty where it
// had changes. It is for builds in which Go looks for neither, such as an image's.
var commit string

// dirty follows a commit that was changed.
const dirty = "+dirty"

// A provenance says what a binary was made from, and for which machine.
type provenance struct {
	Version string `json:"version"`          // the module's
	Commit  string `json:"commit,omitempty"` // none where the build was not told
	Dirty   *bool  `json:"dirty,omitempty"`  // whether the checkout had changes
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func newVersion(edge *cli.Edge) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print gymline's version, and what this binary was made from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p := made()
			if output == "json" {
				return writeJSON(edge.Stdout, p)
			}
			_, err := fmt.Fprint(edge.Stdout, p)
			return err
		},
	}
	bindOutput(cmd, &output, "text", "json")
	return cmd
}

// made is the provenance of this binary.
func made() provenance {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return provenanceOf(info, commit)
}

// provenanceOf prefers what Go saw itself to what the linker was told.
func provenanceOf(info *debug.BuildInfo, told string) provenance {
	p := provenance{Version: cmp.Or(info.Main.Version, "unknown"), Go: cmp.Or(info.GoVersion, runtime.Version()), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if hash, changed := strings.CutSuffix(told, dirty); hash != "" {
		p.Commit, p.Dirty = hash, &changed
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			p.Commit = s.Value
		case "vcs.modified":
			changed := s.Value == "true"
			p.Dirty = &changed
		}
	}
	return p
}

// String is the provenance for people; its first line is gymline and the version.
func (p provenance) String() string {
	from := cmp.Or(p.Commit, "unknown: the build was not told")
	switch {
	case p.Dirty == nil:
	case *p.Dirty:
		from += " (dirty: the checkout had changes)"
	default:
		from += " (clean)"
	}
	return fmt.Sprintf("gymline %s\ncommit    %s\ngo        %s\nplatform  %s/%s\n", p.Version, from, p.Go, p.OS, p.Arch)
}

// version is the module's version, and the commit where it is known and the version
// does not have it.
func version() string {
	p := made()
	if p.Commit == "" || strings.Contains(p.Version, p.Commit[:min(12, len(p.Commit))]) {
		return p.Version
	}
	v := p.Version + " " + p.Commit
	if p.Dirty != nil && *p.Dirty {
		v += dirty
	}
	return v
}
