package store_test

import (
	"errors"
	"testing"

	"github.com/gymline/gymline/internal/store"
)

// The last entry is found from anywhere, whatever the number of entries.
func TestLastSpend(t *testing.T) {
	s, ctx := store.New(store.NewMem()), t.Context()
	var entries []store.Spend // by number
	entries = append(entries, store.Spend{})
	for n := 1; n <= 70; n++ {
		loads(t, entries[n-1])(s.LastSpend(ctx, "a-1", store.Spend{}))
		e := store.Spend{Format: 1, Account: "a-1", Number: n, Run: "a-2", Step: "generate", Shard: 3, USD: 0.25, Total: float64(n) / 4, At: "2026-03-01T10:00:02Z"}
		must(t, s.AppendSpend(ctx, e))
		entries = append(entries, e)
	}
	for _, known := range entries {
		loads(t, entries[70])(s.LastSpend(ctx, "a-1", known))
	}
	if err := s.AppendSpend(ctx, entries[70]); !errors.Is(err, store.ErrExists) {
		t.Errorf("an entry was written twice: %v", err)
	}
	if _, err := s.ReadSpend(ctx, "a-1", 71); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := s.ReadSpend(ctx, "a-1", 0); err == nil {
		t.Error("there is an entry 0")
	}
}
