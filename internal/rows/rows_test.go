package rows

import (
	"strings"
	"testing"
)

func TestCountsAddUp(t *testing.T) {
	c := Counts{Stage: "generate"}
	for _, r := range []Row{
		{"generate", "a", Accepted, "", 12},
		{"generate", "b", Truncated, "maxEvents", 20},
		{"generate", "c", Failed, "user: no answer", 0},
		{"generate", "d", Rejected, "duplicate", 0},
		{"generate", "e", Failed, "user: no answer", 0},
	} {
		if err := c.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if c.Planned != 5 || c.Accepted+c.Rejected+c.Failed+c.Truncated != c.Planned || c.Yields != 32 {
		t.Errorf("%+v", c)
	}
	if c.Causes["user: no answer"] != 2 {
		t.Errorf("causes: %v", c.Causes)
	}
}

func TestRowsThatCannotBeAccountedFor(t *testing.T) {
	for _, c := range []struct {
		row  Row
		want string
	}{
		{Row{Stage: "s", ID: "a", State: "lost"}, `unknown state "lost"`},
		{Row{Stage: "s", ID: "a", State: Failed}, "failed without a cause"},
		{Row{Stage: "s", ID: "a", State: Rejected}, "rejected without a cause"},
	} {
		var counts Counts
		err := counts.Add(c.row)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.row, err)
		}
		if counts.Planned != 0 {
			t.Errorf("%+v was counted", c.row)
		}
	}
}
