package trace

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"testing"
)

// oneFile is reward data of train rows alone.
type oneFile string

func (f oneFile) Open(_ context.Context, p string) (io.ReadCloser, error) {
	if path.Base(p) != "train_data.jsonl" {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(strings.NewReader(string(f))), nil
}

func (f oneFile) List(string) []string { return nil }

// Need is of all events up to then, with their times: the last alone tells nothing.
func TestNeeds(t *testing.T) {
	row := func(task, need string, events ...string) string {
		var obs []string
		for i, e := range events {
			obs = append(obs, fmt.Sprintf(`{"time": "%d", "event": "%s"}`, i, e))
		}
		return fmt.Sprintf(`{"obs": [%s], "pred_task": %s, "valid": true, "help_needed": %s}`+"\n", strings.Join(obs, ","), task, need)
	}
	n, err := ReadNeeds(t.Context(), oneFile(
		row("null", "false", "a")+row(`"x"`, "true", "a", "b")+row(`"y"`, "true", "a", "b")+row("null", "false", "z", "b")+
			row(`"x"`, "true", "a", "b", "c")+row("null", "false", "a", "b", "c")+row(`"z"`, "true", "a", "b", "c")+
			row("null", "null", "a", "b", "c", "d")+"{}\n"+row("null", "true", "a", "b", "c", "d", "e\\n f")), ".")
	if err != nil || n.Disputed != 1 {
		t.Fatal(n, err)
	}
	of := func(events ...string) string {
		var tr Trace
		for i, e := range events {
			tr.Turns = append(tr.Turns, Turn{Event: Event{Time: fmt.Sprint(i), Text: e}})
		}
		said := ""
		for _, need := range n.Along(&tr) {
			switch {
			case need == nil:
				said += "-"
			case *need:
				said += "y"
			default:
				said += "n"
			}
		}
		if known := n.Known([]Trace{tr, tr}); known != 2*len(strings.ReplaceAll(said, "-", "")) {
			t.Errorf("%s: %d known", said, known)
		}
		return said
	}
	// A line break in a row is the space that it is in the benchmark.
	for want, events := range map[string][]string{"ny--y": {"a", "b", "c", "d", "e f"}, "-n": {"z", "b"}, "--": {"b", "b"}, "": nil} {
		if got := of(events...); got != want {
			t.Errorf("%s: %s, want %s", events, got, want)
		}
	}
	if _, err := ReadNeeds(t.Context(), oneFile("{"), "."); err == nil || !strings.Contains(err.Error(), "train_data.jsonl:1") {
		t.Error(err)
	}
}
