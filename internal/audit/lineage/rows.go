package lineage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/run"
)

// An exported row is a planned row of the export.
type exported struct {
	set, id string // id is the source's
	n       int    // which line of rows.jsonl it is
	state   rows.State
	cause   string
	trace   string // with split and line: where it was written
	split   string
	line    int // in its set's file; 0: it was left out
}

func (x *exported) name() string { return x.set + "/" + x.id }

// tracesOutput lists the traces of an export in order; docs/export.md.
const tracesOutput = "traces.jsonl"

// A traceLine is a line of it.
type traceLine struct {
	Trace string         `json:"trace"`
	Split string         `json:"split"`
	Rows  map[string]int `json:"rows"` // lines that it gave, by set
}

// exported calls fn with every row of the export, in the ledger's order. The traces come
// in that order, too, each with the number of its lines: together they say which line of
// which file a row is.
func (v *View) exported(ctx context.Context, fn func(*exported) error) error {
	s := v.step(plan.JobExport)
	if s == nil || s.Shards[0].Record == nil {
		return nil
	}
	if v.kept == nil {
		a, err := v.artifact(s, 0, plan.RowsOutput)
		if err != nil || a.Rows > mostKept {
			return errors.Join(err, v.readExported(ctx, s, fn))
		}
		kept := []*exported{}
		err = v.readExported(ctx, s, func(x *exported) error {
			kept = append(kept, x)
			return nil
		})
		if err != nil {
			return err
		}
		v.kept = kept
	}
	for _, x := range v.kept {
		if err := fn(x); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// mostKept is up to how many rows of an export are kept for the next question.
const mostKept = 20_000

func (v *View) readExported(ctx context.Context, s *run.Step, fn func(*exported) error) error {
	in, err := v.open(ctx, s, 0, tracesOutput)
	if err != nil {
		return err
	}
	defer in.Close()
	traces := &traceReader{in: bufio.NewReader(in)}
	lines := map[[2]string]int{}
	return each(ctx, v, s, 0, plan.RowsOutput, func(n int, row *rows.Row) error {
		set, id, ok := strings.Cut(row.ID, "/")
		if !ok {
			return fmt.Errorf("%s:%d: %q names no set", plan.RowsOutput, n, row.ID)
		}
		x := &exported{set: set, id: id, n: n, state: row.State, cause: row.Cause}
		if row.Yields > 0 {
			t, err := traces.of(set)
			if err != nil {
				return fmt.Errorf("%s:%d: %w", plan.RowsOutput, n, err)
			}
			file := [2]string{set, t.Split}
			lines[file]++
			x.trace, x.split, x.line = t.Trace, t.Split, lines[file]
		}
		return fn(x)
	})
}

// A traceReader is at the trace whose lines come next.
type traceReader struct {
	in  *bufio.Reader
	now traceLine
}

// of takes one of the lines that a trace gave in a set.
func (r *traceReader) of(set string) (*traceLine, error) {
	for r.now.Rows[set] == 0 {
		text, err := r.in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return nil, errors.New("traces.jsonl has fewer lines than the rows have")
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		r.now = traceLine{}
		if err := json.Unmarshal(text, &r.now); err != nil {
			return nil, fmt.Errorf("%s: %w", tracesOutput, err)
		}
	}
	r.now.Rows[set]--
	return &r.now, nil
}

// dataFile tells which set and split a file of the export holds.
func (v *View) dataFile(output string) (set, split string, ok bool) {
	name, ok := strings.CutSuffix(path.Base(output), ".jsonl")
	if !ok || path.Dir(output) == "." {
		return "", "", false
	}
	at := strings.LastIndexByte(name, '_')
	if at < 0 {
		return "", "", false
	}
	return name[:at], name[at+1:], true
}

// files are those of the export that hold a set's split.
func (v *View) files(s *run.Step, set, split string) (list []string) {
	for _, a := range s.Shards[0].Record.Outputs {
		if in, of, ok := v.dataFile(a.Name); ok && in == set && of == split {
			list = append(list, a.Name)
		}
	}
	return list
}

// exportedAt is the row on a line of a set's split.
func (v *View) exportedAt(ctx context.Context, set, split string, line int) (s *subject, err error) {
	err = v.exported(ctx, func(x *exported) error {
		if x.set != set || x.split != split || x.line != line {
			return nil
		}
		s = &subject{kind: Row, set: set, name: x.id, step: v.step(plan.JobExport)}
		return errStop
	})
	if err == nil && s == nil {
		err = v.none(fmt.Sprintf("%s_%s.jsonl#%d", set, split, line), "it has fewer lines")
	}
	return s, err
}

// find finds a planned row of the export by its name.
func (v *View) find(ctx context.Context, set, id string) (found *exported, err error) {
	err = v.exported(ctx, func(x *exported) error {
		if x.set != set || x.id != id {
			return nil
		}
		found = x
		return errStop
	})
	if err == nil && found == nil {
		err = v.none(set+"/"+id, fmt.Sprintf("its rows are in 'gymline get %s finetune-export/%s'", v.run.ID, plan.RowsOutput))
	}
	return found, err
}

// rowNode is the node of a planned row. With brief it names where the row comes from.
func (v *View) rowNode(ctx context.Context, x *exported, brief bool) (Node, error) {
	s := v.step(plan.JobExport)
	n, err := v.at(ctx, Row, s, 0, plan.RowsOutput, x.name())
	if err != nil {
		return n, err
	}
	if n.Line = x.line; x.line > 0 {
		n.Files = v.files(s, x.set, x.split)
	}
	if x.state != rows.Accepted {
		n.Text = string(x.state) + ": " + x.cause
	}
	if brief {
		n.Origins, err = v.originsOf(ctx, x.id)
	}
	return n, err
}

// originsOf names the lines of inputs that a judged row comes from.
func (v *View) originsOf(ctx context.Context, id string) ([]string, error) {
	if scene, _, _, ok := sceneNamed(id); ok {
		g, err := v.gym(ctx)
		if err != nil || g == nil {
			return nil, err
		}
		return g.origins(scene), nil
	}
	f, err := peopleOf(v.step(plan.JobExport))
	if err != nil || f == nil {
		return nil, err
	}
	file, line := (&people{file: *f}).line(id)
	return []string{place(file, line)}, nil
}
