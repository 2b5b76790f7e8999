package trace

import (
	"context"
	"reflect"
	"strings"
	"testing"
)

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{"": "", " \n": "", "a": "a", " The user\r\n types\t'x  y'. ": "The user types 'x y'."} {
		if got := OneLine(in); got != want {
			t.Errorf("OneLine(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestLineEndsAndMarksMeanNothing: a file that an editor on another system saved
// with a byte order mark and CRLF line ends reads like the original.
func TestLineEndsAndMarksMeanNothing(t *testing.T) {
	ctx := context.Background()
	seeds := twoDomains + "kitchen:\n  tasks:\n  - |\n    Bake\n    a cake.\n  sample_events:\n  - >-\n    The oven\n    beeps.\n"
	bench := "[\n" + entry("1", "Opens a file.", "") + ",\n" + entry("2", "Searches.", "") + ",\n" + entry("2", "Clicks.", "") + ",\n" + entry("1", "Closes it.", "") + "\n]\n"
	recorded := strings.ReplaceAll(bench, "}}", `},"agent_response":["Look"],"judgement":[true]}`)
	rewards := goodRow + "\n\n" + otherRow + "\n"
	for name, read := range map[string]func(edit func(string) string) (any, error){
		"seeds":  func(edit func(string) string) (any, error) { return ReadSeeds("s.yaml", []byte(edit(seeds))) },
		"scenes": func(edit func(string) string) (any, error) { return ReadScenes("s.yaml", []byte(edit(oneScene))) },
		"benchmark": func(edit func(string) string) (any, error) {
			return ReadBenchmark(ctx, fakeFiles{"t.json": edit(bench)}, ".")
		},
		"recorded": func(edit func(string) string) (any, error) { return readOne(edit(recorded)) },
		"reward data": func(edit func(string) string) (any, error) {
			return readRows(t, fakeFiles{"pb/reward_data/train_data.jsonl": edit(rewards)})
		},
	} {
		want, err := read(func(s string) string { return s })
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for what, edit := range map[string]func(string) string{
			"a byte order mark":          func(s string) string { return "\ufeff" + s },
			"CRLF":                       func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
			"a byte order mark and CRLF": func(s string) string { return "\ufeff" + strings.ReplaceAll(s, "\n", "\r\n") },
		} {
			if got, err := read(edit); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s with %s:\n got %+v, %v\nwant %+v", name, what, got, err, want)
			}
		}
	}
}

// TestImportedEventsAreOneLine: prompts and judges show one event a line.
func TestImportedEventsAreOneLine(t *testing.T) {
	ctx, odd := context.Background(), " The user types 'a\nb'. "
	const want = "The user types 'a b'."
	files := fakeFiles{
		"t.json":                         "[" + entry("1", odd, "") + "]",
		"m/t.json":                       "[" + entry("1", odd, `,"agent_response":[]`) + "]",
		"pb/reward_data/test_data.jsonl": `{"obs":[{"time":"1","event":" The user types 'a\nb'. "}],"pred_task":null,"valid":true}`,
	}
	traces, err := ReadBenchmark(ctx, files, ".")
	if err != nil || traces[0].Turns[0].Event.Text != want {
		t.Errorf("benchmark %+v, %v", traces, err)
	}
	if answers, err := ReadRecorded(ctx, files, "m", traces); err != nil || !answers[0][0].Answered {
		t.Errorf("recorded %+v, %v", answers, err)
	}
	rows, err := readRows(t, files)
	if err != nil || rows[0].Judged.History[0].Text != want {
		t.Errorf("reward data %+v, %v", rows, err)
	}
}
