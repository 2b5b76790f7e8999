package trace

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/fault"
)

// A Verdict is a published verdict on one proposal, or on silence.
type Verdict struct {
	Accepted bool   `json:"accepted"`
	Reason   string `json:"reason,omitempty"`
}

// An Answer is what a recorded model did after one benchmark event.
type Answer struct {
	// Answered is false where the recording has nothing for the event.
	Answered bool
	// Tasks are the proposals in the recording's order; none is silence.
	Tasks []string
	// Verdicts has one verdict for each task, or one for silence; it is nil
	// where none was published.
	Verdicts []Verdict
	// Unusable is why an entry of an unexpected shape says nothing. Who reads answers
	// loses that one and no other.
	Unusable error
}

// ReadRecorded reads a model's recorded answers from dir, which holds a file
// of each benchmark trace's name, whatever the case of its ending, and returns answers[i][j] to the event of
// benchmark[i].Turns[j]. Files of other traces are passed over.
//
// A file is a JSON list of {"observation", "agent_response", "judgement"}.
// agent_response is a list of tasks; an empty list, null, and entries that are
// null, "null", "None" or blank propose nothing. judgement is optional: a list
// of true, false or {"accepted", "reason"}, one for each entry of
// agent_response, and one for silence.
//
// An entry belongs to the benchmark event of the same time and text, or else to
// the first event of that time which no other entry took, because published
// recordings lack some events and word others differently. An entry that
// belongs to none is an error, and so is a missing file; an event without an
// entry, or whose entry lacks agent_response, is unanswered. One whose agent_response or
// judgement has another shape is Unusable; none that can be used is an error. All that is
// wrong is told at once.
func ReadRecorded(ctx context.Context, files Folder, dir string, benchmark []Trace) ([][]Answer, error) {
	there, err := BenchmarkFiles(files, dir)
	if err != nil {
		return nil, fmt.Errorf("recorded answers: %w", err)
	}
	named := map[string]string{}
	for _, p := range there {
		named[FileID(p)] = p
	}
	var paths []string
	for i := range benchmark {
		paths = append(paths, cmp.Or(named[benchmark[i].ID], path.Join(dir, benchmark[i].ID+".json")))
	}
	var answers [][]Answer
	var wrong problems
	for data, err := range files.ReadAhead(ctx, paths) {
		i := len(answers)
		var a []Answer
		switch {
		case errors.Is(err, fs.ErrNotExist):
			wrong.add(fault.New(fault.Permanent, fmt.Errorf("recorded answers: no file %s for the trace %q: %w", paths[i], benchmark[i].ID, err),
				"a recorded candidate needs one file for each benchmark trace, of the same name"))
		case err != nil:
			return nil, fmt.Errorf("recorded answers: %w", err)
		default:
			a = readRecordedTrace(paths[i], data, benchmark[i].Turns, &wrong)
		}
		answers = append(answers, a)
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	return answers, noneUsable(answers)
}

// noneUsable is the error of answers of which none can be used, but some are there.
func noneUsable(answers [][]Answer) error {
	var first error
	for _, of := range answers {
		for _, a := range of {
			if a.Answered && a.Unusable == nil {
				return nil
			}
			if first == nil {
				first = a.Unusable
			}
		}
	}
	if first == nil {
		return nil
	}
	return fault.New(fault.Permanent, fmt.Errorf("recorded answers: no entry can be used: %w", first), "docs/formats.md shows what is read")
}

type recordedEntry struct {
	element
	index int // in its file
	event Event
	at    moment
}

// readRecordedTrace reads a file, and adds what is wrong with it.
func readRecordedTrace(p string, data []byte, turns []Turn, wrong *problems) []Answer {
	add := func(err error) { wrong.add(fmt.Errorf("recorded answers: %w", err)) }
	list, err := readList(p, data)
	if err != nil {
		add(err)
		return nil
	}
	var entries []recordedEntry
	var times clock
	for i, e := range list {
		event, at, err := times.entry(&e, "observation", "agent_response", "judgement")
		if err != nil {
			add(entryError(p, i, e, err))
			continue
		}
		entries = append(entries, recordedEntry{e, i, event, at})
	}
	answers := make([]Answer, len(turns))
	for i, place := range align(entries, turns) {
		e := &entries[i]
		if place < 0 {
			add(entryError(p, e.index, e.element, fmt.Errorf("the benchmark trace has no event at %s left for it (%q)", e.event.Time, e.event.Text)))
			continue
		}
		a, err := e.answer()
		if err != nil {
			a = Answer{Answered: true, Unusable: entryError(p, e.index, e.element, err)}
		}
		answers[place] = a
	}
	return answers
}

// AnswerLines are the lines of a file of recorded answers that the answer to each turn
// begins on; 0: it has none.
func AnswerLines(p string, data []byte, turns []Turn) ([]int, error) {
	list, err := readList(p, data)
	if err != nil {
		return nil, err
	}
	var entries []recordedEntry
	var times clock
	for i, e := range list {
		event, at, err := times.entry(&e, "observation", "agent_response", "judgement")
		if err != nil {
			return nil, entryError(p, i, e, err)
		}
		entries = append(entries, recordedEntry{e, i, event, at})
	}
	lines := make([]int, len(turns))
	for i, place := range align(entries, turns) {
		if place >= 0 {
			lines[place] = entries[i].line
		}
	}
	return lines, nil
}

// align finds the turn that each entry belongs to; -1 where there is none. Equal
// texts go first, so that of several events at one time the missing one is told
// from the others.
func align(entries []recordedEntry, turns []Turn) []int {
	places := slices.Repeat([]int{-1}, len(entries))
	at, taken := make([]moment, len(turns)), make([]bool, len(turns))
	for j := range turns {
		at[j], _ = readTime(turns[j].Event.Time)
	}
	for _, sameText := range []bool{true, false} {
		for i, e := range entries {
			if places[i] >= 0 {
				continue
			}
			for j, t := range turns {
				if !taken[j] && at[j].same(e.at) && (!sameText || t.Event.Text == e.event.Text) {
					places[i], taken[j] = j, true
					break
				}
			}
		}
	}
	return places
}

func (e *recordedEntry) answer() (Answer, error) {
	if e.Response == nil {
		return Answer{}, nil
	}
	var response []*string
	if err := json.Unmarshal(e.Response, &response); err != nil {
		return Answer{}, fmt.Errorf("agent_response: want a list of tasks, or null%s", oddText(e.Response))
	}
	verdicts, err := e.verdicts()
	if err != nil {
		return Answer{}, err
	}
	// Silence may be written as no entry at all, and then still has one verdict.
	if n := max(1, len(response)); verdicts != nil && len(verdicts) != n {
		return Answer{}, fmt.Errorf("judgement: the number of verdicts is %d, want %d: one for each entry of agent_response, and one for silence", len(verdicts), n)
	}
	a := Answer{Answered: true}
	var kept []Verdict
	for i, task := range response {
		if task == nil || Silence(*task) {
			continue
		}
		a.Tasks = append(a.Tasks, *task)
		if verdicts != nil {
			kept = append(kept, verdicts[i])
		}
	}
	a.Verdicts = kept
	if len(a.Tasks) == 0 && verdicts != nil {
		a.Verdicts = verdicts[:1]
	}
	return a, nil
}

// verdicts reads an entry's judgement; nil when there is none.
func (e *recordedEntry) verdicts() ([]Verdict, error) {
	if e.Judgement == nil {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(e.Judgement, &list); err != nil {
		return nil, fmt.Errorf("judgement: want a list of verdicts, found %s", found(e.Judgement))
	}
	var verdicts []Verdict
	for i, raw := range list {
		v := Verdict{Accepted: string(raw) == "true"}
		if !v.Accepted && string(raw) != "false" {
			f, err := fields(raw, "accepted", "reason")
			var accepted *bool
			if err == nil && (json.Unmarshal(f["accepted"], &accepted) != nil || accepted == nil) {
				err = errors.New("no verdict in it")
			}
			if err == nil && f["reason"] != nil {
				err = json.Unmarshal(f["reason"], &v.Reason)
			}
			if err != nil {
				return nil, fmt.Errorf(`judgement[%d]: want true, false or {"accepted": true or false, "reason": text}, found %s`, i, found(raw))
			}
			v.Accepted = *accepted
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, nil
}

// Silence reports whether a task is one of the words that models write for none:
// "null", "None" or nothing but space.
func Silence(task string) bool {
	switch strings.ToLower(strings.TrimSpace(task)) {
	case "", "null", "none":
		return true
	}
	return false
}

// oddText says which element of a list is no text.
func oddText(raw []byte) string {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return ", found " + found(raw)
	}
	for i, element := range list {
		var task *string
		if json.Unmarshal(element, &task) != nil {
			return fmt.Sprintf(", found %s as element %d", found(element), i)
		}
	}
	return ""
}
