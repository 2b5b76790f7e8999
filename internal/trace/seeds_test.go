package trace

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
)

const twoDomains = `writingassistant:
  tasks: [Write a letter., "Write 3 cards"]
  sample_events:
  - "The user types 'Dear: all'."
garden:
  tasks:
  - 种一棵树
  sample_events: [The user digs.]
`

func TestReadSeeds(t *testing.T) {
	got, err := ReadSeeds("s.yaml", []byte(twoDomains))
	want := []SeedDomain{
		{"writing", []string{"Write a letter.", "Write 3 cards"}, []string{"The user types 'Dear: all'."}, []int{2, 2}, []int{4}},
		{"garden", []string{"种一棵树"}, []string{"The user digs."}, []int{7}, []int{8}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestShippedSeeds(t *testing.T) {
	data, err := os.ReadFile("../../configs/samples/seeds.yaml")
	if err != nil {
		t.Fatal(err)
	}
	seeds, err := ReadSeeds("seeds.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range seeds {
		if len(d.Tasks) < 8 || len(d.Events) < 20 {
			t.Errorf("%s has %d tasks and %d events", d.Domain, len(d.Tasks), len(d.Events))
		}
	}
	if len(seeds) != 3 {
		t.Errorf("%d domains", len(seeds))
	}
}

func TestBadSeedsSayWhere(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"empty", "# nothing\n", "s.yaml:1:1: the file is empty"},
		{"no domain", "{}", "s.yaml:1:1: it holds no domain"},
		{"a list", "- a\n- b\n", "s.yaml:1:1: want a mapping of domains"},
		{"no tasks", "a:\n  sample_events: [x]\n", `s.yaml:1:1: the domain "a" has no tasks`},
		{"no events", "b: {tasks: [x], sample_events: [y]}\na: {tasks: [x]}\n", `s.yaml:2:1: the domain "a" has no sample_events`},
		{"unknown key", "a:\n  tasks: [x]\n  samples: [y]\n", "s.yaml:3:3: "},
		{"empty task", "a:\n  tasks:\n  - x\n  - ''\n  sample_events: [y]\n", "s.yaml:4:5: this text is empty"},
		{"same domain under two names", twoDomains + "writing: {tasks: [x], sample_events: [y]}\n", `s.yaml:9:1: the domain "writing" stands here a second time`},
		{"task is a list", "a:\n  tasks: [[x]]\n  sample_events: [y]\n", "s.yaml:2:"},
		{"alias", "a: &x {tasks: [b], sample_events: [c]}\nb: *x\n", `s.yaml:1:4: "&": tags, anchors`},
		{"tag", "a:\n  tasks: !mine x\n", `s.yaml:2:10: "!mine": tags, anchors`},
		{"cut in half", twoDomains[:40], "s.yaml:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadSeeds("s.yaml", []byte(tt.data))
			if err == nil || !strings.Contains(err.Error(), tt.want) || fault.Code(err) != fault.Permanent || fault.Hint(err) == "" {
				t.Errorf("error %v (code %d), want %q", err, fault.Code(err), tt.want)
			}
		})
	}
}

func FuzzReadSeeds(f *testing.F) {
	f.Add([]byte(twoDomains))
	f.Add([]byte("a: &x {tasks: [*x]}"))
	f.Add([]byte("? [a]\n: {tasks: [b], sample_events: [c]}"))
	f.Add([]byte("<<: {a: {tasks: [b]}}"))
	f.Add([]byte("a:\n  tasks: !00\nb:c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		seeds, err := ReadSeeds("s.yaml", data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "s.yaml:") {
				t.Errorf("error %q does not say where", err)
			}
			return
		}
		for _, d := range seeds {
			if d.Domain == "" || len(d.Tasks) == 0 || len(d.Events) == 0 {
				t.Errorf("read %+v", d)
			}
		}
	})
}
