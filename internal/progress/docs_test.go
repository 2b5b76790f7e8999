package progress

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

var documented = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// The page for readers of 'gymline run -o json' names every event and field,
// and no other.
func TestEveryFieldIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/watching.md")
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string][]string{
		"### Events":    {InputRead, InputStored, InputUnread, RunOpened, StepState, Progress, RunEnded},
		"### States":    {Running, Retrying, Reused, Succeeded, Failed, Cancelled},
		"### Fields":    fields(reflect.TypeFor[Event]()),
		"### `usage`":   fields(reflect.TypeFor[llm.Usage]()),
		"### `errors`":  fields(reflect.TypeFor[llm.Errors]()),
		"### `batches`": fields(reflect.TypeFor[llm.Batches]()),
		"### `steps`":   fields(reflect.TypeFor[StepShape]()),
		"### `scores`":  fields(reflect.TypeFor[Score]()),
		"### `gate`":    fields(reflect.TypeFor[Gate]()),
	}
	for heading, want := range tables {
		_, section, ok := strings.Cut(string(page), "\n"+heading+"\n")
		if !ok {
			t.Errorf("docs/watching.md has no section %q", heading)
			continue
		}
		section, _, _ = strings.Cut(section, "\n#")
		var got []string
		for _, m := range documented.FindAllStringSubmatch(section, -1) {
			got = append(got, m[1])
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("docs/watching.md, %s: documents %v, and there are %v", heading, got, want)
		}
	}
}

func fields(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
