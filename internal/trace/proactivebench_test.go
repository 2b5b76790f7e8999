package trace

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
)

type fakeFiles map[string]string

func (f fakeFiles) Open(_ context.Context, path string) (io.ReadCloser, error) {
	s, ok := f[path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return io.NopCloser(strings.NewReader(s)), nil
}

func (f fakeFiles) List(dir string) (paths []string) {
	for _, p := range slices.Sorted(maps.Keys(f)) {
		if path.Dir(p) == path.Clean(dir) {
			paths = append(paths, p)
		}
	}
	return paths
}

func (f fakeFiles) ReadAhead(ctx context.Context, paths []string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, p := range paths {
			r, err := f.Open(ctx, p)
			var data []byte
			if err == nil {
				data, err = io.ReadAll(r)
			}
			if !yield(data, err) {
				return
			}
		}
	}
}

const goodRow = `{"obs":[{"time":"Day 1, 11:58 PM","event":"The user opens notes.md."},{"time":"Day 2, 12:01 AM","event":"用户搜索“火车票”。"}],` +
	`"pred_task":"Look up trains","valid":true,"help_needed":true,"annotation":[true,false],"category":"x"}`

var otherRow = strings.ReplaceAll(goodRow, "trains", "buses")

func readRows(t *testing.T, files fakeFiles) ([]RewardRow, error) {
	t.Helper()
	var rows []RewardRow
	err := ReadRewardData(context.Background(), files, "pb", func(r RewardRow) error {
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

func TestReadRewardData(t *testing.T) {
	rows, err := readRows(t, fakeFiles{
		"pb/reward_data/train_data.jsonl": goodRow + "\n\n" +
			`{"obs":[{"time":"Day 1, 11:58 PM","event":"The user opens notes.md."}],"pred_task":null,"valid":false,"help_needed":true,"annotation":[false,true,true]}`,
		"pb/reward_data/test_data.jsonl": `{"obs":[{"time":"1717378968.208","event":"The user types."},{"time":"1717378960","event":"Back in time."}],"pred_task":null,"valid":true,"help_needed":false}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 {
		t.Fatalf("got %d rows, want 3", len(rows))
	}
	a, b, c := rows[0], rows[1], rows[2]
	if a.ID != "train_data.jsonl:1" || b.ID != "train_data.jsonl:3" || c.ID != "test_data.jsonl:1" {
		t.Errorf("ids %q %q %q: want file:line, blank lines counted", a.ID, b.ID, c.ID)
	}
	for _, r := range rows {
		if r.Cause != "" {
			t.Errorf("%s: cause %q", r.ID, r.Cause)
		}
	}
	if got := a.Judged; got.Task == nil || *got.Task != "Look up trains" || !got.Accepted || !*got.HelpNeeded ||
		len(got.Votes) != 2 || got.Split != "train" || got.Source != "proactivebench" || got.History[1].Text != "用户搜索“火车票”。" {
		t.Errorf("row 1: %+v", got)
	}
	if b.Judged.Task != nil || b.Judged.Votes != nil {
		t.Error("silence must have no task, and its annotation is no vote on one")
	}
	if a.Judged.Trace != b.Judged.Trace || a.Judged.Trace == c.Judged.Trace {
		t.Error("rows belong to one trace exactly when they start with the same event")
	}
	if c.Judged.Split != "test" {
		t.Errorf("split %q", c.Judged.Split)
	}
}

func TestReadRewardDataCauses(t *testing.T) {
	obs := `"obs":[{"time":"1","event":"e"}]`
	for _, c := range []struct{ row, want string }{
		{`{"pred_task":null,"valid":true}`, "field obs: missing; want a list of {time, event}"},
		{`{"obs":[],"pred_task":null,"valid":true}`, "field obs: empty; want at least one event"},
		{`{"obs":{},"pred_task":null,"valid":true}`, "field obs: want a list of {time, event}"},
		{`{"obs":[{"time":"1","event":"e"},{"time":"soon","event":"e"}],"pred_task":null,"valid":true}`, `field obs[1].time: is no time: ` + wantTime},
		{`{"obs":[{"time":"1736240400","event":"e"},{"time":1736240400000,"event":"e"}],"pred_task":null,"valid":true}`, "field obs[1].time: is in milliseconds, and the trace begins in unix seconds: use one form of time in a trace"},
		{`{"obs":[{"time":null,"event":"e"}],"pred_task":null,"valid":true}`, "field obs[0].time: missing; " + wantTime},
		{`{"obs":["e"],"pred_task":null,"valid":true}`, "field obs[0]: want {time, event}, found a text"},
		{`{` + obs + `,"pred_task":null,"Valid":true}`, `"Valid": write the key as "valid"`},
		{`{"obs":[{"time":"1"}],"pred_task":null,"valid":true}`, "field obs[0].event: missing or empty"},
		{`{` + obs + `,"valid":true}`, "field pred_task: missing; want a task or null"},
		{`{` + obs + `,"pred_task":7,"valid":true}`, "field pred_task: want a task or null"},
		{`{` + obs + `,"pred_task":" ","valid":true}`, "field pred_task: empty; want a task or null"},
		{`{` + obs + `,"pred_task":null}`, "field valid: missing; want true or false"},
		{`{` + obs + `,"pred_task":null,"valid":"yes"}`, "field valid: want true or false"},
		{`{` + obs + `,"pred_task":null,"valid":null}`, "field valid: missing; want true or false"},
		{`{` + obs + `,"pred_task":null,"valid":true,"help_needed":1}`, "field help_needed: want true or false"},
		{`{` + obs + `,"pred_task":"t","valid":true,"annotation":"all"}`, "field annotation: want a list of true or false"},
	} {
		rows, err := readRows(t, fakeFiles{"pb/reward_data/train_data.jsonl": goodRow + "\n" + c.row + "\n" + otherRow})
		if err != nil {
			t.Fatalf("%s: %v", c.row, err)
		}
		if len(rows) != 3 || rows[0].Cause != "" || rows[2].Cause != "" {
			t.Errorf("%s: its neighbours must stay usable: %+v", c.row, rows)
			continue
		}
		if rows[1].Cause != c.want || rows[1].ID != "train_data.jsonl:2" {
			t.Errorf("%s:\n got %s %q\nwant %q", c.row, rows[1].ID, rows[1].Cause, c.want)
		}
	}
}

func TestReadRewardDataRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		files fakeFiles
		want  string
	}{
		"a row cut in half":         {fakeFiles{"pb/reward_data/test_data.jsonl": goodRow + "\n" + goodRow[:len(goodRow)/2]}, "test_data.jsonl:2"},
		"a row that is a list":      {fakeFiles{"pb/reward_data/train_data.jsonl": "[]"}, "train_data.jsonl:1"},
		"two rows on a line":        {fakeFiles{"pb/reward_data/train_data.jsonl": goodRow + goodRow}, "train_data.jsonl:1"},
		"a row that is there twice": {fakeFiles{"pb/reward_data/train_data.jsonl": goodRow + "\n" + otherRow, "pb/reward_data/test_data.jsonl": "\n" + goodRow}, "test_data.jsonl:2: the row is a copy of train_data.jsonl:1"},
		"a compressed file":         {fakeFiles{"pb/reward_data/train_data.jsonl.gz": "", "pb/reward_data/test_data.jsonl": goodRow}, "pb/reward_data/train_data.jsonl.gz is not read, and there is no train_data.jsonl"},
		"an ending in capitals":     {fakeFiles{"pb/reward_data/test_data.JSONL": ""}, "pb/reward_data/test_data.JSONL is not read"},
		"another ending":            {fakeFiles{"pb/reward_data/test_data.json": ""}, "pb/reward_data/test_data.json is not read"},
		"a key that is given twice": {fakeFiles{"pb/reward_data/train_data.jsonl": goodRow + "\n" + strings.Replace(otherRow, `"event":`, `"event":"x","event":`, 1)}, "train_data.jsonl:2: obs[0].event is given twice"},
		"no files":                  {fakeFiles{}, "reward_data/train_data.jsonl"},
	} {
		_, err := readRows(t, c.files)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
		if fault.Code(err) != fault.Permanent || fault.Hint(err) == "" {
			t.Errorf("%s: code %d, hint %q: want a permanent error that says what to do", name, fault.Code(err), fault.Hint(err))
		}
	}
}

func FuzzReadRewardData(f *testing.F) {
	f.Add(goodRow)
	f.Add(goodRow[:40])
	f.Add(`{"obs":[{"time":"Day 1, 1:00 PM","event":"e"}],"pred_task":null,"valid":false,"annotation":null}`)
	f.Fuzz(func(t *testing.T, data string) {
		_ = ReadRewardData(context.Background(), fakeFiles{"reward_data/train_data.jsonl": data}, ".", func(r RewardRow) error {
			if r.Cause == "" {
				if len(r.Judged.History) == 0 || r.Judged.Trace == "" || r.Judged.Task != nil && *r.Judged.Task == "" {
					t.Fatalf("unusable row without a cause: %+v", r)
				}
				for _, e := range r.Judged.History {
					if _, _, err := ParseTime(e.Time); err != nil {
						t.Fatal(err)
					}
				}
			}
			return nil
		})
	})
}
