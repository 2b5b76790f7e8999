package check

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/store"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// An odd bucket is one in memory with something wrong.
type odd struct {
	*store.Mem
	mu     sync.Mutex
	create func(o *odd, ctx context.Context, key string, body []byte) error
	list   func(keys []string) []string
	get    func(text string) string
	calls  int
}

func (o *odd) Create(ctx context.Context, key string, body []byte) error {
	o.mu.Lock()
	o.calls++
	o.mu.Unlock()
	if o.create != nil {
		return o.create(o, ctx, key, body)
	}
	return o.Mem.Create(ctx, key, body)
}

func (o *odd) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	if o.list == nil {
		return o.Mem.List(ctx, prefix)
	}
	var keys []string
	for key := range o.Mem.List(ctx, prefix) {
		keys = append(keys, key)
	}
	return func(yield func(string, error) bool) {
		for _, key := range o.list(keys) {
			if !yield(key, nil) {
				return
			}
		}
	}
}

func (o *odd) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	r, err := o.Mem.Get(ctx, key)
	if err != nil || o.get == nil {
		return r, err
	}
	data, err := io.ReadAll(r)
	return io.NopCloser(strings.NewReader(o.get(string(data)))), err
}

// unsafe are the ways in which servers and what stands before them are known to
// break the promise that an object is created once.
var unsafe = map[string]*odd{
	"ignores the condition": {create: func(o *odd, ctx context.Context, key string, body []byte) error {
		return put(ctx, o.Mem, key, string(body))
	}},
	"looks, and then writes": {create: func(o *odd, ctx context.Context, key string, body []byte) error {
		if _, err := o.Stat(ctx, key); err == nil {
			return store.ErrExists
		}
		time.Sleep(5 * time.Millisecond)
		return put(ctx, o.Mem, key, string(body))
	}},
	"refuses, and writes": {create: func(o *odd, ctx context.Context, key string, body []byte) error {
		_, err := o.Stat(ctx, key)
		if put(ctx, o.Mem, key, string(body)); err == nil {
			return store.ErrExists
		}
		return nil
	}},
	"always refuses":           {create: func(*odd, context.Context, string, []byte) error { return store.ErrExists }},
	"takes, and writes not":    {create: func(*odd, context.Context, string, []byte) error { return nil }},
	"lists late":               {list: func(keys []string) []string { return keys[:len(keys)-1] }},
	"lists in no order":        {list: func(keys []string) []string { keys[0], keys[1] = keys[1], keys[0]; return keys }},
	"answers with old objects": {get: func(string) string { return "old" }},
}

func TestAnUnsafeBucketIsRefused(t *testing.T) {
	for name, bad := range unsafe {
		t.Run(name, func(t *testing.T) {
			bad.Mem = store.NewMem()
			for range 2 { // it is not forgotten
				err := Once(t.Context(), bad, "http://s", noon)
				e, ok := errors.AsType[*store.Error](err)
				if !ok || e.Kind != store.Misconfigured || e.Fix == "" {
					t.Fatalf("opened for writing: %v", err)
				}
			}
			var failed []string
			err := Thorough(t.Context(), bad, "http://s", func() time.Time { return noon }, func(f Finding) {
				if f.State == Failed {
					failed = append(failed, f.Check)
				}
			})
			if err == nil || failed == nil {
				t.Errorf("checked: %q, %v", failed, err)
			}
		})
	}
}

func TestAGoodBucketIsProbedOnce(t *testing.T) {
	b := &odd{Mem: store.NewMem()}
	probed := func(server string) bool {
		t.Helper()
		before := b.calls
		if err := Once(t.Context(), b, server, noon); err != nil {
			t.Fatal(err)
		}
		return b.calls > before
	}
	if !probed("http://a") || probed("http://a") {
		t.Error("not once")
	}
	if !probed("http://b") {
		t.Error("a copy on another server was taken for checked")
	}
	if err := Thorough(t.Context(), b, "http://c", func() time.Time { return noon }, func(f Finding) {
		if f.State != OK {
			t.Errorf("%+v", f)
		}
	}); err != nil || probed("http://c") {
		t.Errorf("after a thorough check: %v", err)
	}
}

// A server is a bucket that says this of itself.
type server struct {
	*odd
	date                      time.Time
	versioned, noticed, paged bool
	lock                      string
	err                       error
}

func (s *server) Date() time.Time                                  { return s.date }
func (s *server) Versioned(context.Context) (bool, error)          { return s.versioned, s.err }
func (s *server) Locked(context.Context) (string, error)           { return s.lock, s.err }
func (s *server) PutAltered(context.Context, string) (bool, error) { return s.noticed, s.err }

func (s *server) ListPages(ctx context.Context, prefix string, _ int) iter.Seq2[string, error] {
	if s.paged {
		return s.Mem.List(ctx, prefix)
	}
	return func(yield func(string, error) bool) {
		for key, err := range s.Mem.List(ctx, prefix) {
			yield(key, err)
			return // the token of the next page is lost
		}
	}
}

func TestWhatAServerSaysOfItself(t *testing.T) {
	good := server{date: noon, noticed: true, paged: true}
	for name, c := range map[string]struct {
		change func(*server)
		check  string
		state  string
	}{
		"good":             {func(*server) {}, "clock", OK},
		"pages":            {func(s *server) { s.paged = false }, "list in pages", Failed},
		"checksums":        {func(s *server) { s.noticed = false }, "checksums", Warning},
		"slow clock":       {func(s *server) { s.date = noon.Add(-time.Hour) }, "clock", Warning},
		"fast clock":       {func(s *server) { s.date = noon.Add(time.Hour) }, "clock", Warning},
		"no clock":         {func(s *server) { s.date = time.Time{} }, "clock", Unknown},
		"versions":         {func(s *server) { s.versioned = true }, "versioning", Warning},
		"lock":             {func(s *server) { s.lock = "COMPLIANCE" }, "object lock", Warning},
		"may not be asked": {func(s *server) { s.err = errors.New("no") }, "object lock", Unknown},
	} {
		s := good
		s.odd = &odd{Mem: store.NewMem()}
		c.change(&s)
		found := ""
		err := Thorough(t.Context(), &s, "http://s", func() time.Time { return noon }, func(f Finding) {
			if f.Check == c.check {
				found = f.State
			}
		})
		if found != c.state || (err != nil) != (c.state == Failed) {
			t.Errorf("%s: %s, want %s (%v)", name, found, c.state, err)
		}
	}
}

// Without rights nothing is found out, and what is wrong is the server's word.
func TestRights(t *testing.T) {
	denied := &store.Error{Op: "create", Kind: store.Misconfigured, Err: errors.New("AccessDenied")}
	b := &odd{Mem: store.NewMem(), create: func(*odd, context.Context, string, []byte) error { return denied }}
	if err := Once(t.Context(), b, "http://s", noon); !errors.Is(err, denied) {
		t.Error(err)
	}
	if err := Thorough(t.Context(), b, "http://s", func() time.Time { return noon }, func(Finding) {}); !errors.Is(err, denied) {
		t.Error(err)
	}
}
