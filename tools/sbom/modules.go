package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// A module is one whose packages are linked.
type module struct {
	path, version, sum string
	files              []file   // its licences and notices, by name
	licences           []string // SPDX identifiers
}

// A file is a licence, or what has to go with one.
type file struct {
	name string // within the module
	text []byte
}

// platform is the environment that a binary was built in, as far as it decides what
// is linked.
func platform(info *debug.BuildInfo) []string {
	var env []string
	for _, s := range info.Settings {
		if s.Key == "GOOS" || s.Key == "GOARCH" || s.Key == "CGO_ENABLED" {
			env = append(env, s.Key+"="+s.Value)
		}
	}
	return env
}

// tell returns what a go command says.
func tell(ctx context.Context, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(cmd.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return out, nil
}

// linked asks Go for the modules of a package's dependencies, the standard library
// among them, and reads the licences that cover those packages: the module's own
// and those of folders between it and a package.
func linked(ctx context.Context, pkg string, env []string) ([]*module, error) {
	goroot, err := tell(ctx, env, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	std := strings.TrimSpace(string(goroot))
	out, err := tell(ctx, env, "list", "-deps", "-json=Dir,Module,Standard", pkg)
	if err != nil {
		return nil, err
	}
	found := map[string]*module{}
	read := map[string]bool{} // folders
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir      string
			Standard bool
			Module   *struct {
				Path, Version, Dir string
				Main               bool
				Replace            *struct{ Path, Version string }
			}
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		m, root, dir := &module{path: "std"}, std, std // what lies deeper there is for BoringCrypto, which is not linked
		switch {
		case p.Standard:
		case p.Module == nil:
			return nil, fmt.Errorf("%s belongs to no module", p.Dir)
		case p.Module.Main:
			continue
		default:
			m, root, dir = &module{path: p.Module.Path, version: p.Module.Version}, p.Module.Dir, p.Dir
			if r := p.Module.Replace; r != nil {
				m.path, m.version = r.Path, r.Version
			}
		}
		m = cmp.Or(found[m.path], m)
		found[m.path] = m
		for ; strings.HasPrefix(dir, root) && !read[dir]; dir = filepath.Dir(dir) {
			read[dir] = true
			if err := m.read(root, dir); err != nil {
				return nil, err
			}
		}
	}
	for _, m := range found {
		slices.SortFunc(m.files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *module) int { return cmp.Compare(a.path, b.path) }), nil
}

// read takes a folder's licences and notices.
func (m *module) read(root, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || !isLicence(e.Name()) && !isNotice(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		m.files = append(m.files, file{filepath.ToSlash(name), text})
	}
	return nil
}

func isLicence(name string) bool { return begins(name, "LICENSE", "LICENCE", "COPYING", "UNLICENSE") }

// isNotice says whether a file goes with a licence without being one.
func isNotice(name string) bool { return begins(name, "NOTICE", "PATENTS") }

func begins(name string, words ...string) bool {
	name = strings.ToUpper(filepath.Base(name))
	return filepath.Ext(name) != ".GO" && slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(name, w) })
}

// agree compares what the binary says of itself with what Go would link now, and
// takes over its checksums.
func agree(info *debug.BuildInfo, modules []*module) error {
	sums := map[string]string{}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		sums[d.Path+" "+d.Version] = d.Sum
	}
	for _, m := range modules {
		if m.path == "std" {
			m.version = strings.TrimPrefix(info.GoVersion, "go")
			continue
		}
		sum, ok := sums[m.path+" "+m.version]
		if !ok {
			return fmt.Errorf("was built without %s %s; build it again from this checkout", m.path, m.version)
		}
		m.sum = sum
		delete(sums, m.path+" "+m.version)
	}
	for name := range sums {
		return fmt.Errorf("has %s, which this checkout does not link; build it again from this checkout", name)
	}
	return nil
}
