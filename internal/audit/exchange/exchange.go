// Package exchange says what a run made of what in the words of others: as events of
// OpenLineage, and as a Workflow Run RO-Crate. It reads the run's records alone, and of
// one run it always says the same.
package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// home is where gymline's own terms and versions are named.
const home = "https://github.com/gymline/gymline"

// A Run is what is told of.
type Run struct{ *run.Run }

// Open reads a run's records.
func Open(ctx context.Context, st *store.Store, id store.RunID) (*Run, error) {
	r, err := run.Read(ctx, st, id)
	if err == nil {
		err = r.Damage
	}
	if err == nil && r.Plan == nil {
		err = fault.New(fault.Usage, fmt.Errorf("run %s was cut off as it opened: it made nothing", id), "see 'gymline list'")
	}
	if err != nil {
		return nil, err
	}
	return &Run{r}, nil
}

// producer names the gymline that opened the run.
func (r *Run) producer() string {
	if strings.HasPrefix(r.Version, "v") {
		return home + "/tree/" + r.Version
	}
	return home
}

// uuid is an identifier that follows from the run and what of it is named: of RFC 9562's
// version 8.
func (r *Run) uuid(what string) string {
	sum := sha256.Sum256([]byte(string(r.ID) + "\x00" + string(r.Head.Plan) + "\x00" + r.Created + "\x00" + what))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// A span is what became of a step: when its first shard began and its last one ended, and
// all that they read and made.
type span struct {
	step            *run.Step
	started, ended  string
	done, reused    bool // all of it
	failure         string
	inputs, outputs []file
}

// A file is an artifact, or a part of an input.
type file struct {
	name string // STEP/SHARD/OUTPUT, or INPUT/PATH
	store.Artifact
}

// spans are those of the steps that began, in the plan's order.
func (r *Run) spans() (list []span) {
	for i := range r.Steps {
		s := &r.Steps[i]
		x := span{step: s, done: true, reused: true}
		seen := map[string]bool{}
		for shard := range s.Shards {
			rec := s.Shards[shard].Record
			if f := s.Shards[shard].Failure; f != nil && x.failure == "" {
				x.failure = f.Cause
			}
			if rec == nil {
				x.done = false
				continue
			}
			x.reused = x.reused && rec.Reused
			if x.started == "" || rec.Started < x.started {
				x.started = rec.Started
			}
			x.ended = max(x.ended, rec.Finished)
			for _, a := range rec.Inputs {
				if !seen[a.Name] {
					seen[a.Name] = true
					name := a.Name
					if a.MediaType == job.TreeType {
						name = "inputs/" + name
					}
					x.inputs = append(x.inputs, file{name, a})
				}
			}
			for _, a := range rec.Outputs {
				x.outputs = append(x.outputs, file{fmt.Sprintf("%s/%d/%s", s.Name, shard, a.Name), a})
			}
		}
		if x.started != "" {
			list = append(list, x)
		}
	}
	return list
}

// sources are the parts of inputs that steps read, each once, by name.
func sources(spans []span) (list []file) {
	for _, s := range spans {
		for _, f := range s.inputs {
			if f.MediaType == job.TreeType && !slices.ContainsFunc(list, func(o file) bool { return o.name == f.name }) {
				list = append(list, f)
			}
		}
	}
	slices.SortFunc(list, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return list
}

// lines writes values as JSON, one a line.
func lines(w io.Writer, list []any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, v := range list {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}
