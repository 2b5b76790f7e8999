package plan

import (
	"strings"
	"testing"
)

// A reader is told of candidates that are not what their names make one think.
func TestWarnsOfSharedModels(t *testing.T) {
	if list := (&Evaluate{Candidates: []string{"a", "b"}}).Alike(); list != nil {
		t.Errorf("of nothing: %q", list)
	}
	list := (&Evaluate{OneModel: [][]string{{"a", "b"}, {"c", "d"}}, OwnJudge: []string{"c"}}).Alike()
	if len(list) != 3 || !strings.HasPrefix(list[0], "a, b are one model") || !strings.HasPrefix(list[1], "c, d are one model") || !strings.HasPrefix(list[2], "the judge is the model of c, too") {
		t.Errorf("%q", list)
	}
}
