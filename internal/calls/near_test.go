package calls

import (
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	for row, want := range map[string]string{
		"ours/coding_1/3.0": "ours/coding_1/3", "ours/coding_1/3": "ours/coding_1/3", "a-t0.7/coding_1/3": "a-t0.7/coding_1/3",
		"ours/coding_1/3.1#2": "ours/coding_1/3#2", "ours/coding_1/3#2": "ours/coding_1/3#2", "ours/coding_1/3.": "ours/coding_1/3.", "scene-00000/0": "scene-00000/0", "": "", "0.7": "0", "a/v1.2": "a/v1.2",
	} {
		if got := withoutOffer(row); got != want {
			t.Errorf("%q is of %q, want %q", row, got, want)
		}
	}
	for id, want := range map[string]bool{"a/b": true, "a/b/3": true, "a/b#1": true, "a/b3": false, "a": false, "": false} {
		if within(id, "a/b") != want {
			t.Errorf("%q within a/b: %v", id, !want)
		}
	}
}

func TestNearest(t *testing.T) {
	n := nearest{to: "eager/coding_1/33"}
	for _, name := range []string{"eager/coding_1/1", "eager/coding_2/33", "careful/x/0", "eager/coding_1/3", "eager/coding_1/3", "eager/coding_1/43"} {
		n.consider(name)
	}
	if got := n.names(); !slices.Equal(got, []string{"eager/coding_2/33", "eager/coding_1/3", "eager/coding_1/43"}) {
		t.Error(got)
	}
}
