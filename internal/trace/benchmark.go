package trace

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/fault"
)

// A JudgedTrace is one line of predict's judged.jsonl: what a candidate did
// after every event of one benchmark trace, and the verdicts.
type JudgedTrace struct {
	Candidate string `json:"candidate"`
	// Simulated is set when a stand-in answered or judged.
	Simulated bool `json:"simulated"`
	// Judge is the kind of judge, JudgeModel the name of a language model's.
	Judge      string `json:"judge"`
	JudgeModel string `json:"judgeModel,omitempty"`
	// Unanswered and Failed index the turns that count as silence because a
	// recorded model has no answer there, or a model's answer was unusable.
	Unanswered []int `json:"unanswered,omitempty"`
	Failed     []int `json:"failed,omitempty"`
	// Training is what a trained judge learned from; nil for other judges.
	Training *JudgeTraining `json:"training,omitempty"`
	// Trace has the benchmark's own events. A turn without a judgement is one
	// that the judge gave no verdict on.
	Trace Trace `json:"trace"`
}

// A JudgeTraining is what a trained judge learned from.
type JudgeTraining struct {
	// Proposals is how many judged proposals it was trained on, and Accepted the
	// share of them that people, or the gym's user, accepted, in [0,1].
	Proposals int     `json:"proposals"`
	Accepted  float64 `json:"accepted"`
	// Seen is how many of the trace's events were among them.
	Seen int `json:"seen"`
}

// splitsFile lies beside ProactiveBench's traces and is none.
const splitsFile = "splits.json"

// benchmarkDomains maps a file name's prefix to the domain's name, where they differ.
var benchmarkDomains = map[string]string{"code": "coding"}

// A Folder reads files of a named input.
type Folder interface {
	// List returns the paths of the files right in dir, sorted.
	List(dir string) []string
	// ReadAhead yields each file's bytes, or its error, in the order of paths; an
	// absent file's wraps fs.ErrNotExist.
	ReadAhead(ctx context.Context, paths []string) iter.Seq2[[]byte, error]
}

// BenchmarkFiles returns the paths of the traces right in dir: *.json, without splits.json.
func BenchmarkFiles(files Folder, dir string) []string {
	return slices.DeleteFunc(files.List(dir), func(p string) bool {
		return path.Ext(p) != ".json" || path.Base(p) == splitsFile
	})
}

// ReadBenchmark reads the traces right in dir, in the layout of ProactiveBench's
// test_data: each file a JSON list of {"observation": {"time", "event"}}; what else
// its entries hold is ignored. A trace's ID is its file's name without ".json", and
// its domain what comes before the first "_" there. Traces come in the order of
// their files' names, with neither proposals nor judgements.
func ReadBenchmark(ctx context.Context, files Folder, dir string) ([]Trace, error) {
	paths := BenchmarkFiles(files, dir)
	if len(paths) == 0 {
		return nil, fault.New(fault.Permanent, errors.New("benchmark: the folder holds no trace (*.json)"),
			"name the folder that holds the trace files themselves, such as test_data")
	}
	var traces []Trace
	for data, err := range files.ReadAhead(ctx, paths) {
		if err != nil {
			return nil, fmt.Errorf("benchmark: %w", err)
		}
		t, err := readBenchmarkTrace(paths[len(traces)], data)
		if err != nil {
			return nil, fmt.Errorf("benchmark: %w", err)
		}
		traces = append(traces, t)
	}
	return traces, nil
}

func readBenchmarkTrace(p string, data []byte) (Trace, error) {
	t := Trace{ID: strings.TrimSuffix(path.Base(p), ".json")}
	if prefix, _, ok := strings.Cut(t.ID, "_"); ok {
		t.Domain = cmp.Or(benchmarkDomains[prefix], prefix)
	}
	var entries []struct {
		Observation *Event `json:"observation"`
	}
	if err := decodeFile(p, data, &entries); err != nil {
		return t, err
	}
	if len(entries) == 0 {
		return t, fmt.Errorf("%s: no events", p)
	}
	t.Turns = make([]Turn, 0, len(entries))
	for i, e := range entries {
		if err := checkObservation(e.Observation); err != nil {
			return t, fmt.Errorf("%s: entry %d: %w", p, i, err)
		}
		e.Observation.Text = OneLine(e.Observation.Text)
		t.Turns = append(t.Turns, Turn{Event: *e.Observation, Proposals: []string{}})
	}
	return t, nil
}

func checkObservation(e *Event) error {
	if e == nil {
		return errors.New("observation: missing; want {time, event}")
	}
	if strings.TrimSpace(e.Text) == "" {
		return errors.New("observation.event: missing or empty")
	}
	if _, _, err := ParseTime(e.Time); err != nil {
		return fmt.Errorf("observation.time: %w", err)
	}
	return nil
}

// decodeFile decodes a file that is one JSON document. What is wrong with it is
// reported as file:line.
func decodeFile(p string, data []byte, into any) error {
	data = plainText(data)
	err := json.Unmarshal(data, into)
	if err == nil {
		return nil
	}
	offset := int64(-1)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = e.Offset
	} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = e.Offset
	}
	line := 1
	if offset > 0 {
		line += bytes.Count(bytes.TrimRight(data[:min(offset, int64(len(data)))], "\n"), []byte("\n"))
	}
	return fault.New(fault.Permanent, fmt.Errorf("%s:%d: %w", p, line, err), "mend the file or fetch it again; nothing was changed")
}
