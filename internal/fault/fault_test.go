package fault

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

type temporary bool

func (t temporary) Error() string   { return "away" }
func (t temporary) Temporary() bool { return bool(t) }

type misconfigured struct{}

func (misconfigured) Error() string       { return "denied" }
func (misconfigured) Configuration() bool { return true }
func (misconfigured) Hint() string        { return "check the key" }

func TestCode(t *testing.T) {
	base := errors.New("row 7 is cut in half")
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, OK},
		{base, Permanent},
		{New(Temporary, nil, "x"), OK},
		{New(Config, base, "x"), Config},
		{fmt.Errorf("step: %w", New(Config, base, "")), Config},
		{New(Usage, New(Config, base, ""), ""), Usage},
		{fmt.Errorf("step: %w", context.Canceled), Interrupted},
		{fmt.Errorf("step: %w", temporary(true)), Temporary},
		{fmt.Errorf("step: %w", temporary(false)), Permanent},
		{fmt.Errorf("step: %w", misconfigured{}), Config},
		{errors.Join(base, New(Temporary, base, "")), Temporary},
	} {
		if got := Code(c.err); got != c.want {
			t.Errorf("Code(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestHint(t *testing.T) {
	base := errors.New("bad")
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{base, ""},
		{New(Config, base, "mend it"), "mend it"},
		{fmt.Errorf("a: %w", New(Config, fmt.Errorf("b: %w", New(Permanent, base, "inner")), "")), "inner"},
		{fmt.Errorf("a: %w", misconfigured{}), "check the key"},
		{New(Config, misconfigured{}, ""), "check the key"},
	} {
		if got := Hint(c.err); got != c.want {
			t.Errorf("Hint(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}
