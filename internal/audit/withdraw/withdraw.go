// Package withdraw takes a file of an input, or a line of one, out of use: what came of it
// in every run of the store is listed, and from then on no work that read it is reused and
// no run opens that holds it. Nothing is removed.
package withdraw

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"github.com/gymline/gymline/internal/audit/lineage"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// An Item is a line of the list of what came of a source.
type Item struct {
	Run    store.RunID  `json:"run"`
	Kind   string       `json:"kind"` // lineage's, or artifact: an output that may hold something of it
	ID     string       `json:"id"`
	How    string       `json:"how,omitempty"`
	Digest store.Digest `json:"digest,omitempty"`
	Files  []string     `json:"files,omitempty"` // of a row
	Line   int          `json:"line,omitempty"`
	F1     *float64     `json:"f1,omitempty"`
}

// A Found is a source, and what came of it.
type Found struct {
	store.Withdrawal
	// Counts are of items by kind, by run, in the order of runs.
	Counts []Count
	// Artifacts are the outputs that may hold something of it.
	Artifacts []Item
}

// A Count sums a run.
type Count struct {
	Run  store.RunID    `json:"run"`
	Kind map[string]int `json:"items"`
}

// Find lists what came of a source in every run: an item a line to list, as JSON.
func Find(ctx context.Context, st *store.Store, name string, list io.Writer) (*Found, error) {
	ids, err := st.Runs(ctx)
	if err != nil {
		return nil, err
	}
	s, err := locate(ctx, st, ids, name)
	if err != nil {
		return nil, err
	}
	f := &Found{Withdrawal: store.Withdrawal{Source: s.name, Line: s.line}}
	enc := json.NewEncoder(list)
	enc.SetEscapeHTML(false)
	for _, id := range ids {
		if err := f.in(ctx, st, id, s, enc); err != nil {
			return nil, err
		}
	}
	f.Files = s.digests
	slices.Sort(f.Work)
	f.Work = slices.Compact(f.Work)
	return f, nil
}

// in finds what came of the source in one run.
func (f *Found) in(ctx context.Context, st *store.Store, id store.RunID, s *source, enc *json.Encoder) error {
	v, err := view(ctx, st, id)
	if v == nil || err != nil {
		return err
	}
	held, err := s.in(ctx, st, v)
	if err != nil || len(held) == 0 {
		return err
	}
	count := Count{id, map[string]int{}}
	seen := map[uint64]struct{}{} // of IDs, shortened: a run may have a million
	tell := func(item Item) error {
		h := fnv.New64a()
		_, _ = h.Write([]byte(item.Kind + "\x00" + item.ID))
		if _, twice := seen[h.Sum64()]; twice {
			return nil
		}
		seen[h.Sum64()] = struct{}{}
		count.Kind[item.Kind]++
		return enc.Encode(item)
	}
	var files []plan.File
	for _, h := range held {
		files = append(files, h.file)
		err := v.Walk(ctx, h.String(), lineage.Options{Down: true}, func(l *lineage.Link) error {
			if l.Way == lineage.Self || l.Kind == lineage.Artifact {
				return nil // the artifacts are told of below
			}
			return tell(Item{Run: id, Kind: l.Kind, ID: l.ID, How: l.How, Digest: l.Digest, Files: l.Files, Line: l.Line, F1: l.F1})
		})
		if err != nil && fault.Code(err) != fault.Usage { // nothing was made of the line alone
			return fmt.Errorf("run %s: %w", id, err)
		}
	}
	records, err := v.Reached(ctx, files)
	if err != nil {
		return err
	}
	for _, rec := range records {
		f.Work = append(f.Work, rec.WorkKey)
		for _, a := range rec.Outputs {
			item := Item{Run: id, Kind: lineage.Artifact, ID: fmt.Sprintf("%s/%s/%d/%s", id, rec.Step, rec.Shard, a.Name), Digest: a.Digest}
			f.Artifacts = append(f.Artifacts, item)
			if err := tell(item); err != nil {
				return err
			}
		}
	}
	f.Runs, f.Counts = append(f.Runs, id), append(f.Counts, count)
	return nil
}

// view opens a run, nil where it was cut off before it had a plan.
func view(ctx context.Context, st *store.Store, id store.RunID) (*lineage.View, error) {
	v, err := lineage.Open(ctx, st, id)
	if errors.Is(err, lineage.ErrNothing) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Permanent, fmt.Errorf("run %s cannot be read, so nobody knows what came of it: %w", id, err),
			"restore its records; nothing was withdrawn")
	}
	return v, nil
}

// A Statement is an in-toto statement of what a withdrawal did.
type Statement struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     predicate `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

type predicate struct {
	Number   int            `json:"number,omitempty"` // none of a dry run, or where it is signed
	Source   string         `json:"source"`
	Files    []store.Digest `json:"files"`
	Line     store.Digest   `json:"line,omitempty"`
	By       string         `json:"by,omitempty"`
	Reason   string         `json:"reason"`
	At       string         `json:"at"`
	Affected store.Digest   `json:"affected,omitempty"`
	Runs     []Count        `json:"runs"`
	// Before and After say how each subject stood.
	Before string `json:"before"`
	After  string `json:"after"`
}

// PredicateType names the form of the statement.
const PredicateType = "https://github.com/gymline/gymline/blob/main/docs/audit.md#withdrawal"

// Statement says what was withdrawn: its subjects are the artifacts that may hold
// something of it, which all stay what they are.
func (f *Found) Statement() *Statement {
	s := &Statement{Type: "https://in-toto.io/Statement/v1", PredicateType: PredicateType, Subject: []subject{}}
	for _, a := range f.Artifacts {
		s.Subject = append(s.Subject, subject{a.ID, map[string]string{"sha256": string(a.Digest)}})
	}
	s.Predicate = predicate{
		f.Number, f.Source, f.Files, f.Line, f.By, f.Reason, f.At, f.Affected, append([]Count{}, f.Counts...), "reusable", "not reused",
	}
	if f.Affected == "" {
		s.Predicate.After = s.Predicate.Before
	}
	return s
}
