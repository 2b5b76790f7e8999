package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// stopped records in the background, and stops while a write is under way: of 5
// answers in the journal, 5 on their way there, and 5 after them, for each of the
// models.
func stopped(t *testing.T, mem store.Bucket, models []llm.Model, grace time.Duration) error {
	t.Helper()
	l := New(Options{Bucket: slow{mem, 2500 * time.Millisecond}, Now: time.Now, Log: quiet, Every: 2 * time.Second})
	for n := range 15 {
		for _, m := range models {
			c, err := l.Wrap(t.Context(), m, &provider{})
			if err != nil {
				t.Fatal(err)
			}
			chat(t, c, ask(fmt.Sprint(n)))
		}
		switch n {
		case 4:
			time.Sleep(2100 * time.Millisecond) // the first write of a journal creates it at once
		case 9:
			time.Sleep(2 * time.Second)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), grace)
	defer cancel()
	return l.Close(ctx)
}

func modelsOf(names ...string) (models []llm.Model) {
	for _, name := range names {
		m := model
		m.Model = name
		models = append(models, m)
	}
	return models
}

// TestCloseHasAllTheTime: a stop in the middle of a write loses nothing as long as
// one write, to all models at once, fits into its time.
func TestCloseHasAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, models := store.NewMem(), modelsOf("m", "n", "o")
		if err := stopped(t, mem, models, 3*time.Second); err != nil {
			t.Fatal(err)
		}
		l := New(Options{Bucket: mem, Now: time.Now, Log: quiet, ReplayOnly: true})
		for _, m := range models {
			c, err := l.Wrap(t.Context(), m, nil)
			if err != nil {
				t.Fatal(err)
			}
			for n := range 15 {
				chat(t, c, ask(fmt.Sprint(n)))
			}
		}
		closeLedger(t, l)
	})
}

// TestCloseSaysWhatIsLost counts what neither a segment nor the journal holds.
func TestCloseSaysWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := store.NewMem()
		err := stopped(t, mem, modelsOf("m"), 2*time.Second)
		if !errors.Is(err, context.DeadlineExceeded) || fault.Code(err) != fault.Temporary ||
			!strings.Contains(err.Error(), "10 recorded exchanges were not written") || !strings.Contains(fault.Hint(err), "paid for, again") {
			t.Errorf("%v; %s", err, fault.Hint(err))
		}
		l := New(Options{Bucket: mem, Now: time.Now, Log: quiet, ReplayOnly: true})
		c := wrap(t, l, nil)
		for n := range 15 {
			if _, err := c.Chat(t.Context(), ask(fmt.Sprint(n))); errors.Is(err, ErrMiss) != (n >= 5) {
				t.Errorf("request %d: %v", n, err)
			}
		}
		closeLedger(t, l)
	})
}
