package metrics

import (
	"strings"
	"testing"
)

func TestFew(t *testing.T) {
	for n, want := range map[int]string{1: "1 trace is few: below about 30, ", 12: "12 traces are few: ", 29: "29 traces are few: ", 30: "", 500: ""} {
		if got := Few(n, "trace", Narrow); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("Few(%d) = %q, want %q", n, got, want)
		}
	}
	if got := Few(1, "group", Narrow); !strings.HasPrefix(got, "1 group is few") {
		t.Errorf("%q", got)
	}
}
