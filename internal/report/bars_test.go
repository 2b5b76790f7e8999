package report

import "testing"

func TestBarsFillTheirWidth(t *testing.T) {
	b := barOf("x", "", []share{{"a", "tp", 1}, {"none", "fp", 0}, {"b", "fn", 99}})
	if len(b.Parts) != 2 || b.Parts[0].Width != "1.00%" || b.Parts[1].X != "1.00%" || b.Parts[1].Width != "99.00%" {
		t.Errorf("parts %+v", b.Parts)
	}
	if b.Parts[0].Label != "" || b.Parts[1].Label != "99" {
		t.Errorf("labels %q, %q: want none on the sliver", b.Parts[0].Label, b.Parts[1].Label)
	}
	if b.Parts[0].Title != "1 a" {
		t.Errorf("hover %q: a sliver tells its number", b.Parts[0].Title)
	}
	if small := barOf("x", "", []share{{"a", "tp", 7}, {"b", "fp", 93}}); small.Parts[0].Label != "7" {
		t.Error("a digit that fits is not shown")
	}
	if b.Title != "x: 1 a, 0 none, 99 b" {
		t.Errorf("title %q", b.Title)
	}
}
