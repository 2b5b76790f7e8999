package trace

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/fault"
)

// maxRewardLine bounds one row's JSON, in bytes.
const maxRewardLine = 64 << 20

// An Opener opens files of a named input; an absent file's error wraps fs.ErrNotExist.
type Opener interface {
	Open(ctx context.Context, path string) (io.ReadCloser, error)
	// List returns the paths of the files right in dir, sorted.
	List(dir string) []string
}

// A RewardRow is one line of ProactiveBench's reward data: a usable row, or
// the cause why it is none.
type RewardRow struct {
	// ID is file:line, such as "train_data.jsonl:12".
	ID string
	// Judged is set when Cause is empty.
	Judged Judged
	// Cause names the field that is missing or wrong and what is wanted.
	Cause string
}

// ReadRewardData streams reward_data/train_data.jsonl and then test_data.jsonl
// of the ProactiveBench folder dir into fn, line by line. A row whose fields
// are missing or wrong comes with its cause. A line that is not a whole JSON
// object, such as one cut in half, is a permanent error that names file:line,
// because the file was damaged and nothing says what else it lost; so is a row that
// is there twice, because it would count twice. All such lines are told at once, and fn
// gets no row after the first. One of the two files may be absent;
// without train rows a file of test rows is all there is. Absent is what has no
// file: one under a name that is nearly right is refused.
func ReadRewardData(ctx context.Context, files Opener, dir string, fn func(RewardRow) error) error {
	listed := files.List(path.Join(dir, "reward_data"))
	for _, p := range listed {
		if like := rewardFileLike(path.Base(p)); like != "" && !slices.Contains(listed, path.Join(path.Dir(p), like)) {
			return fault.New(fault.Permanent, fmt.Errorf("reward data: %s is not read, and there is no %s", p, like),
				"unpack or rename it, so that it is "+like)
		}
	}
	found, r := false, rewardReader{fn: fn, seen: map[[sha256.Size]byte]string{}}
	for _, split := range []string{"train", "test"} {
		p := path.Join(dir, "reward_data", split+"_data.jsonl")
		file, err := files.Open(ctx, p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reward data: %w", err)
		}
		found = true
		err = r.read(file, p, split)
		file.Close()
		if err != nil {
			return err
		}
	}
	if !found {
		return fault.New(fault.Permanent, fmt.Errorf("no reward_data/train_data.jsonl or test_data.jsonl below %q of the input", dir),
			"point the input at the folder that holds reward_data/")
	}
	return r.wrong.err()
}

// rewardFileLike is the file of reward data that a name comes near to; "" where none.
func rewardFileLike(name string) string {
	bare := strings.ToLower(name)
	for slices.Contains(packed, path.Ext(bare)) {
		bare = strings.TrimSuffix(bare, path.Ext(bare))
	}
	for _, like := range []string{"train_data", "test_data"} {
		if ext, ok := strings.CutPrefix(bare, like); ok && name != like+".jsonl" && slices.Contains([]string{".jsonl", ".ndjson", ".json"}, ext) {
			return like + ".jsonl"
		}
	}
	return ""
}

// A rewardReader reads the files one after another.
type rewardReader struct {
	fn    func(RewardRow) error
	wrong problems
	seen  map[[sha256.Size]byte]string // the row's ID, by its content
	text  []byte                       // of the last one's content
}

// read reads one file; split is given to every row. Once something was wrong, fn gets no
// more rows.
func (d *rewardReader) read(r io.Reader, p, split string) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 64<<10), maxRewardLine)
	line := 0
	for sc.Scan() {
		line++
		data, err := plainText(p, line, sc.Bytes())
		if err != nil {
			d.wrong.add(fmt.Errorf("reward data %w", err))
			continue
		}
		if len(bytes.TrimSpace(data)) == 0 {
			continue
		}
		row, err := d.row(data, fmt.Sprintf("%s:%d", path.Base(p), line))
		if err != nil {
			d.wrong.add(fault.New(fault.Permanent, fmt.Errorf("reward data %s:%d: %w", p, line, err), fault.Hint(err)))
			continue
		}
		row.Judged.ID, row.Judged.Split = row.ID, split
		if d.wrong.count() > 0 {
			continue
		}
		if err := d.fn(row); err != nil {
			return err
		}
	}
	if err := sc.Err(); errors.Is(err, bufio.ErrTooLong) {
		d.wrong.add(fault.New(fault.Permanent, fmt.Errorf("reward data %s:%d: the line is longer than %d MiB", p, line+1, maxRewardLine>>20),
			"write one row a line"))
	} else if err != nil {
		return fmt.Errorf("reward data %s:%d: %w", p, line+1, err)
	}
	return nil
}

// row reads a line; its error says what is wrong with the file there.
func (d *rewardReader) row(data []byte, id string) (RewardRow, error) {
	row := RewardRow{ID: id}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return row, fault.New(fault.Permanent, fmt.Errorf("not a whole JSON row: %w", notObject(data, err)),
			"fetch the file again, or mend or remove that line; nothing was changed")
	}
	_, exact, flaw := scanJSON(data)
	if flaw != nil {
		return row, fault.New(fault.Permanent, errors.New(flaw.message), flaw.fix)
	}
	var err error
	if row.Judged, err = rewardRow(raw, exact); err != nil {
		row.Cause = err.Error()
	} else if first := d.first(&row); first != row.ID {
		return row, fault.New(fault.Permanent, fmt.Errorf("the row is a copy of %s", first), "remove one of them: a row that is there twice counts twice")
	}
	return row, nil
}

// notObject puts what a row is in place of the decoder's words for it.
func notObject(data []byte, err error) error {
	if json.Valid(data) {
		return fmt.Errorf("want an object, found %s", found(data))
	}
	return err
}

// first is the ID of the first row with the content of this one.
func (d *rewardReader) first(row *RewardRow) string {
	j, text := &row.Judged, d.text[:0]
	for _, e := range j.History {
		text = appendTexts(text, e.Time, e.Text)
	}
	if j.Task != nil {
		text = appendTexts(text, *j.Task)
	}
	text = fmt.Append(text, j.Task != nil, j.Accepted, j.HelpNeeded != nil && *j.HelpNeeded, j.HelpNeeded != nil, j.Votes)
	d.text = text
	sum := sha256.Sum256(text)
	if _, twice := d.seen[sum]; !twice {
		d.seen[sum] = row.ID
	}
	return d.seen[sum]
}

// rewardRow checks one row field by field; exact is as scanJSON says. Its error is a row's cause.
func rewardRow(raw map[string]json.RawMessage, exact bool) (j Judged, err error) {
	j.Source = ProactiveBench
	if err = spelt(raw, "obs", "pred_task", "valid", "help_needed", "annotation"); err != nil {
		return j, err
	}
	if j.History, err = history(raw, exact); err != nil {
		return j, err
	}
	if _, ok := raw["pred_task"]; !ok {
		return j, errors.New("field pred_task: missing; want a task or null")
	}
	if string(raw["pred_task"]) != "null" {
		if err := field(raw, "pred_task", "a task or null", &j.Task); err != nil {
			return j, err
		}
		if strings.TrimSpace(*j.Task) == "" {
			return j, errors.New("field pred_task: empty; want a task or null")
		}
	}
	if err := field(raw, "valid", "true or false", &j.Accepted); err != nil {
		return j, err
	}
	if h := string(raw["help_needed"]); h != "" && h != "null" {
		j.HelpNeeded = new(bool)
		if err := field(raw, "help_needed", "true or false", j.HelpNeeded); err != nil {
			return j, err
		}
	}
	// Beside silence, annotation tells who selected nothing: no verdict on a proposal.
	if a := string(raw["annotation"]); a != "" && a != "null" && j.Task != nil {
		if err := field(raw, "annotation", "a list of true or false", &j.Votes); err != nil {
			return j, err
		}
	}
	j.Trace = rewardTrace(j.History[0])
	j.Group = j.Trace
	return j, nil
}

// history reads a row's events.
func history(raw map[string]json.RawMessage, exact bool) ([]Event, error) {
	var plain []plainEvent
	if exact && json.Unmarshal(raw["obs"], &plain) == nil && len(plain) > 0 {
		var times clock
		events := make([]Event, len(plain))
		ok := true
		for i := 0; i < len(plain) && ok; i++ {
			events[i], _, ok = times.plain(plain[i])
		}
		if ok {
			return events, nil
		}
	}
	var observed []json.RawMessage
	if err := field(raw, "obs", "a list of {time, event}", &observed); err != nil {
		return nil, err
	}
	if len(observed) == 0 {
		return nil, errors.New("field obs: empty; want at least one event")
	}
	var events []Event
	times := clock{quiet: true} // causes are counted by their words
	for i, o := range observed {
		e, _, err := times.event(o)
		if err != nil {
			return nil, fmt.Errorf("field obs[%d]%w", i, err)
		}
		events = append(events, e)
	}
	return events, nil
}

// field decodes a required field; want says what it must be.
func field(raw map[string]json.RawMessage, name, want string, into any) error {
	data, ok := raw[name]
	if !ok || string(data) == "null" {
		return fmt.Errorf("field %s: missing; want %s", name, want)
	}
	if json.Unmarshal(data, into) != nil {
		return fmt.Errorf("field %s: want %s", name, want)
	}
	return nil
}

// rewardTrace names the trace that starts with an event. The rows carry no
// trace of their own, but every history is a prefix of its trace.
func rewardTrace(first Event) string {
	sum := first.Digest()
	return "pb-" + hex.EncodeToString(sum[:6])
}
