package secrets

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestPipe(t *testing.T) {
	for _, vars := range [][]string{nil, {"A=b"}, {"A=b", "EMPTY=", "LINES=a\nb=c\n", "B=ü"}} {
		got, err := Unpack(strings.NewReader(string(Pack(vars))))
		if err != nil || !slices.Equal(got, vars) {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// What cannot be read is refused, and nothing of it is told.
func TestWhatIsNoHandOver(t *testing.T) {
	for _, data := range []string{"KEY=canary", "canary\x00", "=canary\x00", "A=b\x00canary\x00", "A=b\x00\x00"} {
		if got, err := Unpack(strings.NewReader(data)); err == nil || got != nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %q, %v", data, got, err)
		}
	}
	if _, err := Unpack(iotest.ErrReader(errors.New("gone"))); err == nil {
		t.Error("a pipe that broke was read")
	}
}
