package job

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

func patience(bears Tolerance, log *bytes.Buffer) *Patience {
	return (&Task{env: Env{Tolerance: bears}, Log: slog.New(slog.NewTextHandler(log, nil))}).Patience(1 << 20)
}

// stops returns the row at which a shard stops, or -1; failed rows are marked x.
func stops(t *testing.T, bears Tolerance, rows string, order []int) int {
	t.Helper()
	p := patience(bears, &bytes.Buffer{})
	at := -1
	for _, n := range order {
		cause := ""
		if rows[n] == 'x' {
			cause = "c"
		}
		if err := p.Ended(n, fmt.Sprint(n), cause, nil); err != nil {
			at = p.ended - 1
		}
	}
	return at
}

func inTurn(n int) (order []int) {
	for i := range n {
		order = append(order, i)
	}
	return order
}

func TestPatienceRunsOut(t *testing.T) {
	ten := Tolerance{0.3, 10}
	for _, tt := range []struct {
		name  string
		bears Tolerance
		rows  string
		want  int
	}{
		{"the window is not full", ten, "xxxxxxxxx", -1},
		{"full with too many", ten, "xxxx......", 9},
		{"as many as are borne", ten, "xxx.............", -1},
		{"what left the window counts no more", ten, "xxx.......xxx.......xxx.......", -1},
		{"one more within the window", ten, "x.x.......xxx...", -1},
		{"later", ten, "....................x.xx..x....", 26},
		{"a rate that no binary fraction is", Tolerance{0.29, 100}, strings.Repeat("x", 29) + strings.Repeat(".", 71) + strings.Repeat("x", 29), -1},
		{"one above it", Tolerance{0.29, 100}, strings.Repeat("x", 29) + strings.Repeat(".", 70) + "x", 99},
		{"never", Tolerance{1, 2}, "xxxxxxxxxxxx", -1},
		{"none is borne", Tolerance{0.0001, 1}, "...x..", 3},
		{"by default", Tolerance{}, strings.Repeat("x.", 24) + "xx", 49},
		{"by default just not", Tolerance{}, strings.Repeat("x.", 50), -1},
	} {
		if got := stops(t, tt.bears, tt.rows, inTurn(len(tt.rows))); got != tt.want {
			t.Errorf("%s: stopped at %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestPatienceWithFewRows: a shard with fewer rows than the window is judged by
// all of its rows, and one with a handful by none.
func TestPatienceWithFewRows(t *testing.T) {
	for _, tt := range []struct {
		rows   int
		failed int
		want   bool
	}{{12, 7, true}, {12, 6, false}, {10, 6, true}, {9, 9, false}, {1, 1, false}} {
		p := (&Task{Log: slog.New(slog.DiscardHandler)}).Patience(tt.rows)
		var err error
		for n := range tt.rows {
			if n < tt.failed {
				err = p.Ended(n, "r", "cause", errors.New("bad"))
			} else {
				err = p.Ended(n, "r", "", nil)
			}
		}
		if (err != nil) != tt.want {
			t.Errorf("%d of %d failed: %v", tt.failed, tt.rows, err)
		}
	}
}

// TestPatienceKnowsTheOrder: in whatever order rows end, the shard stops at the
// row that it stops at when they end in turn.
func TestPatienceKnowsTheOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	stopped := 0
	for range 300 {
		rows := make([]byte, 60)
		for i := range rows {
			rows[i] = ".x"[rng.IntN(5)/4]
		}
		bears := Tolerance{0.3, 1 + rng.IntN(20)}
		want := stops(t, bears, string(rows), inTurn(len(rows)))
		if got := stops(t, bears, string(rows), rng.Perm(len(rows))); got != want {
			t.Fatalf("%s, %+v: stopped at %d, want %d", rows, bears, got, want)
		}
		if want >= 0 {
			stopped++
		}
	}
	if stopped < 50 || stopped > 299 {
		t.Errorf("%d of 300 stopped", stopped)
	}
}

// TestPatienceTellsWhy: the error names the causes and an example; the log has
// one example of each cause, however many rows fail.
func TestPatienceTellsWhy(t *testing.T) {
	var log bytes.Buffer
	p := patience(Tolerance{0.5, 40}, &log)
	long := strings.Repeat("ä", 5000)
	var err error
	for i := range 40 {
		switch {
		case i%8 == 0:
			err = p.Ended(i, fmt.Sprint("row-", i), "", nil)
		case i%2 == 0:
			err = p.Ended(i, fmt.Sprint("row-", i), "agent: refused", &llm.Error{Model: "m", Status: 400, Class: llm.Refused, Err: errors.New("no such format")})
		default:
			err = p.Ended(i, fmt.Sprint("row-", i), "user: no valid verdict", &llm.Malformed{Schema: "verdict", Raw: "I would rather not. " + long, Err: errors.New("x")})
		}
	}
	if err == nil || fault.Code(err) != fault.Permanent {
		t.Fatalf("error %v has code %d", err, fault.Code(err))
	}
	for _, want := range []string{"35 of the last 40 rows failed", "50 %", "user: no valid verdict (20), agent: refused (15)", `row row-1, for example: "I would rather not. ä`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if len(err.Error()) > 800 || !strings.Contains(fault.Hint(err), "failures") {
		t.Errorf("%d bytes, hint %q", len(err.Error()), fault.Hint(err))
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 2 || len(log.String()) > 6000 || !strings.Contains(log.String(), "HTTP 400: no such format") {
		t.Errorf("%d warnings in %d bytes", n, log.Len())
	}
	if again := p.Ended(40, "row-40", "", nil); again == nil || again.Error() != err.Error() {
		t.Errorf("then %v", again)
	}
	// A refusal's own hint comes first.
	p = patience(Tolerance{0.1, 1}, &log)
	err = p.Ended(0, "a", "agent: refused", fmt.Errorf("row: %w", &llm.Error{Status: 400, Class: llm.Refused, Err: errors.New("no")}))
	if !strings.HasPrefix(fault.Hint(err), "if the server does not take a field") {
		t.Errorf("hint %q", fault.Hint(err))
	}
}
