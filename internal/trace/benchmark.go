package trace

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// A JudgedTrace is one line of predict's judged.jsonl: what a candidate did
// after every event of one benchmark trace, and the verdicts.
type JudgedTrace struct {
	Candidate string `json:"candidate"`
	// Repeat tells the candidate's passes over the benchmark apart, from 0.
	Repeat int `json:"repeat,omitempty"`
	// Simulated is set when a stand-in answered or judged.
	Simulated bool `json:"simulated"`
	// Judge is the kind of judge, JudgeModel the name of a language model's.
	Judge      string `json:"judge"`
	JudgeModel string `json:"judgeModel,omitempty"`
	// AnsweredBy and JudgedBy are the models that answered, as their provider named them
	// beside the answers: versions of what the experiment names.
	AnsweredBy []string `json:"answeredBy,omitempty"`
	JudgedBy   []string `json:"judgedBy,omitempty"`
	// Asked and JudgeAsked say what real models were asked as.
	Asked      *llm.Asked `json:"asked,omitempty"`
	JudgeAsked *llm.Asked `json:"judgeAsked,omitempty"`
	// Prompt and JudgePrompt are digests of the texts that they were asked with, where
	// they are the experiment's own.
	Prompt      store.Digest `json:"prompt,omitempty"`
	JudgePrompt store.Digest `json:"judgePrompt,omitempty"`
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

// AnswerID names a candidate's answer to an event, in a repeat counted from 0.
func AnswerID(candidate, turn string, repeat int) string {
	id := candidate + "/" + turn
	if repeat > 0 {
		id += "#" + strconv.Itoa(repeat)
	}
	return id
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

// benchmarkDomains maps a file name's prefix to the domain's name, where they differ.
var benchmarkDomains = map[string]string{"code": "coding"}

// ReadBenchmark reads the traces right in dir, in the layout of ProactiveBench's
// test_data: each file a JSON list of {"observation": {"time", "event"}}; what else
// its entries hold is ignored. A trace's ID is its file's name without ".json", and
// its domain what comes before the first "_" there. Traces come in the order of
// their files' names, with neither proposals nor judgements. A trace that is there
// twice is refused, because it would count twice. All that is wrong is told at once.
func ReadBenchmark(ctx context.Context, files Folder, dir string) ([]Trace, error) {
	paths, err := BenchmarkFiles(files, dir)
	if err != nil {
		return nil, fmt.Errorf("benchmark: %w", err)
	}
	if len(paths) == 0 {
		return nil, fault.New(fault.Permanent, fmt.Errorf("benchmark: %s holds no trace (*.json)", dir),
			"name the folder that holds the trace files themselves, such as test_data")
	}
	var traces []Trace
	var wrong problems
	content := map[[sha256.Size]byte]string{}
	for data, err := range files.ReadAhead(ctx, paths) {
		if err != nil {
			return nil, fmt.Errorf("benchmark: %w", err)
		}
		p, before := paths[len(traces)], wrong.count()
		t := readBenchmarkTrace(p, data, &wrong)
		traces = append(traces, t)
		if wrong.count() > before {
			continue
		}
		sum := contentOf(&t)
		if first, twice := content[sum]; twice {
			wrong.add(fault.New(fault.Permanent, fmt.Errorf("benchmark: %s is a copy of %s: both hold the same events", p, first),
				"remove one of them: a trace that is there twice counts twice"))
			continue
		}
		content[sum] = p
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	return traces, nil
}

// readBenchmarkTrace reads a file, and adds what is wrong with it.
func readBenchmarkTrace(p string, data []byte, wrong *problems) Trace {
	t := Trace{ID: FileID(p)}
	add := func(err error) { wrong.add(fmt.Errorf("benchmark: %w", err)) }
	if prefix, _, ok := strings.Cut(t.ID, "_"); ok {
		t.Domain = cmp.Or(benchmarkDomains[prefix], prefix)
	}
	entries, err := readList(p, data)
	if err != nil {
		add(err)
		return t
	}
	if len(entries) == 0 {
		add(fmt.Errorf("%s: no events", p))
	}
	var times clock
	t.Turns = make([]Turn, 0, len(entries))
	for i, e := range entries {
		event, _, err := times.entry(&e, "observation")
		if err != nil {
			add(entryError(p, i, e, err))
			continue
		}
		t.Turns = append(t.Turns, Turn{Event: event, Proposals: []string{}})
	}
	if i, first := repeated(t.Turns); i > 0 && len(t.Turns) == len(entries) {
		add(fault.New(fault.Permanent, fmt.Errorf("%s:%d: from entry %d on, events are there a second time, first from entry %d", p, entries[i].line, i, first),
			"remove them: events that are there twice count twice"))
	}
	return t
}

// EventLines are the lines of a benchmark's trace file that its entries begin on, which
// are its turns in order.
func EventLines(p string, data []byte) (lines []int, err error) {
	list, err := readList(p, data)
	for _, e := range list {
		lines = append(lines, e.line)
	}
	return lines, err
}

// repeated finds where a trace repeats itself: two events in a row, of the same times
// and texts as two before them. One alone may have happened twice; so may two within
// a minute, where times are no finer.
func repeated(turns []Turn) (from, first int) {
	type pair struct{ one, two Event }
	seen := map[pair]int{}
	for i := 1; i < len(turns); i++ {
		p := pair{turns[i-1].Event, turns[i].Event}
		before, twice := seen[p]
		if !twice {
			seen[p] = i - 1
		} else if before < i-2 && p.one != p.two && (!strings.HasPrefix(p.one.Time, "Day ") || before == 0 && 2*(i-1) == len(turns)) {
			return i - 1, before
		}
	}
	return 0, 0
}

// contentOf tells traces apart by their events alone.
func contentOf(t *Trace) [sha256.Size]byte {
	var content []byte
	for _, turn := range t.Turns {
		content = appendTexts(content, turn.Event.Time, turn.Event.Text)
	}
	return sha256.Sum256(content)
}

// appendTexts appends texts so that none can be taken for others.
func appendTexts(out []byte, texts ...string) []byte {
	for _, s := range texts {
		out = append(binary.AppendUvarint(out, uint64(len(s))), s...)
	}
	return out
}

// entryError says which entry of a file is wrong.
func entryError(p string, i int, e element, err error) error {
	return fault.New(fault.Permanent, fmt.Errorf("%s:%d: entry %d: %w", p, e.line, i, err), mend)
}

// entry reads an entry's observation, and takes care that its other fields are those
// of their exact names.
func (c *clock) entry(e *element, known ...string) (Event, moment, error) {
	if e.plain {
		if event, at, ok := c.plain(e.Observation); ok {
			return event, at, nil
		}
	}
	f, err := fields(e.raw, known...)
	if err != nil {
		return Event{}, moment{}, err
	}
	e.Response, e.Judgement = f["agent_response"], f["judgement"]
	raw := f["observation"]
	if raw == nil || string(raw) == "null" {
		return Event{}, moment{}, errors.New("observation: missing; want {time, event}")
	}
	event, at, err := c.event(raw)
	if err != nil {
		err = fmt.Errorf("observation%w", err)
	}
	return event, at, err
}
