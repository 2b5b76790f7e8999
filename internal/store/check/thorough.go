package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// How a check came out.
const (
	OK      = "ok"
	Warning = "warning" // it will do, and is worth knowing
	Unknown = "unknown" // it could not be asked
	Failed  = "failed"  // the bucket must not be used
)

// A Finding is what one check found.
type Finding struct {
	Check  string `json:"check"`
	State  string `json:"state"`
	Detail string `json:"detail"`
	// Err is the failed request behind it, where there was one.
	Err error `json:"-"`
}

// A Server is a bucket that can tell more of itself than its objects.
type Server interface {
	store.Bucket
	ListPages(ctx context.Context, prefix string, page int) iter.Seq2[string, error]
	Date() time.Time
	Versioned(ctx context.Context) (bool, error)
	Locked(ctx context.Context) (string, error)
	PutAltered(ctx context.Context, key string) (noticed bool, err error)
}

// maxSkew is how far clocks may differ: a signature is good for a quarter of an hour.
const maxSkew = 5 * time.Minute

// Thorough tests a bucket in every respect, and tells of each check as it ends.
// After a failure all that does not need it is still tested. A bucket that is found
// good is noted for Once.
func Thorough(ctx context.Context, b store.Bucket, server string, now func() time.Time, tell func(Finding)) error {
	at, failed := scratch(), error(nil)
	found := func(f Finding) {
		if f.State == Failed && failed == nil {
			failed = f.Err
			if failed == nil {
				failed = &store.Error{Op: "check", Key: server, Kind: store.Misconfigured, Err: errors.New(f.Detail), Fix: fix}
			}
		}
		tell(f)
	}
	try := func(name, good string, test func() error) {
		err := test()
		switch bad, ok := errors.AsType[broken](err); {
		case err == nil:
			found(Finding{Check: name, State: OK, Detail: good})
		case ok:
			found(Finding{Check: name, State: Failed, Detail: bad.what})
		default:
			found(Finding{Check: name, State: Failed, Detail: err.Error(), Err: err})
		}
	}
	try("write, read, replace", "an object is seen at once, and so is what replaces it", func() error { return replaced(ctx, b, at+"replaced") })
	if failed != nil {
		return failed // without rights or a server nothing else can be said
	}
	try("create once", "an object that is there is not replaced", func() error { return createOnce(ctx, b, at+"once") })
	try("create once, raced", "of 16 writers at once one succeeds, 25 times over", func() error { return createRaced(ctx, b, at, 16, 25) })
	try("list", "what was written is listed at once, in order", func() error { return listed(ctx, at, 27, b.List(ctx, at)) })
	try("ranges", "parts of an object are what was asked for", func() error { return ranges(ctx, b, at+"ranges") })
	try("8 MiB", "a large object is read as it was written", func() error { return large(ctx, b) })
	if s, ok := b.(Server); ok {
		try("list in pages", "pages follow each other without a gap", func() error { return listed(ctx, at, 28, s.ListPages(ctx, at, 5)) })
		for _, f := range []Finding{checksums(ctx, s, at+"altered"), clock(s, now()), versions(ctx, s), lock(ctx, s)} {
			found(f)
		}
	}
	if failed != nil {
		return failed
	}
	return passed(ctx, b, server, now())
}

func replaced(ctx context.Context, b store.Bucket, key string) error {
	for _, text := range []string{"one", "another", ""} {
		if err := put(ctx, b, key, text); err != nil {
			return err
		}
		if got, err := read(ctx, b, key); err != nil || got != text {
			return errors.Join(err, differ(got, text))
		}
		if size, err := b.Stat(ctx, key); err != nil || size != int64(len(text)) {
			return errors.Join(err, brokenf("an object of %d bytes is said to have %d", len(text), size))
		}
	}
	if _, err := b.Stat(ctx, key+"-absent"); !errors.Is(err, store.ErrNotFound) {
		if err == nil {
			return brokenf("an object is there that nobody has written")
		}
		return err
	}
	return nil
}

func differ(got, want string) error {
	if got == want {
		return nil
	}
	return brokenf("an object of %d bytes is read as %d others right after it was written", len(want), len(got))
}

func ranges(ctx context.Context, b store.Bucket, key string) error {
	text := noise(64 << 10)
	if err := put(ctx, b, key, text); err != nil {
		return err
	}
	for _, part := range []struct{ from, length int }{{0, 1}, {0, len(text)}, {1000, 9000}, {len(text) - 3, 3}, {len(text) - 3, 100}, {len(text), 1}} {
		r, err := b.GetRange(ctx, key, int64(part.from), int64(part.length))
		if err != nil {
			return err
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			return err
		}
		if want := text[part.from:min(part.from+part.length, len(text))]; string(got) != want {
			return brokenf("%d bytes from %d on are not those of the object", part.length, part.from)
		}
	}
	return nil
}

func large(ctx context.Context, b store.Bucket) error {
	key, text := scratch()+"large", noise(8<<20)
	if err := put(ctx, b, key, text); err != nil {
		return err
	}
	got, err := read(ctx, b, key)
	if err != nil {
		return err
	}
	return differ(got, text)
}

// noise is what no layer in between can make smaller or guess.
func noise(n int) string {
	from := rand.NewChaCha8([32]byte{1})
	data := make([]byte, n)
	_, _ = from.Read(data) // it always fills
	return string(data)
}

func checksums(ctx context.Context, s Server, key string) Finding {
	f := Finding{Check: "checksums", State: OK, Detail: "an object that is damaged on its way in is refused"}
	noticed, err := s.PutAltered(ctx, key)
	switch {
	case err != nil:
		f.State, f.Detail = Unknown, err.Error()
	case !noticed:
		f.State, f.Detail = Warning, "an object that is damaged on its way in is taken: it is noticed when it is read"
	}
	return f
}

func clock(s Server, now time.Time) Finding {
	f := Finding{Check: "clock"}
	at := s.Date()
	if at.IsZero() {
		f.State, f.Detail = Unknown, "the server does not say what time it has"
		return f
	}
	skew := now.Sub(at).Abs().Truncate(time.Second)
	f.State, f.Detail = OK, fmt.Sprintf("%s from this machine's", skew)
	if skew > maxSkew {
		f.State, f.Detail = Warning, fmt.Sprintf("%s from this machine's: signatures are refused at 15 minutes; set the clock that is wrong", skew)
	}
	return f
}

func versions(ctx context.Context, s Server) Finding {
	on, err := s.Versioned(ctx)
	return asked("versioning", err, on, "off: what is replaced takes no room",
		"on: replaced memos and journals are kept and paid for; a lifecycle rule for old versions helps")
}

func lock(ctx context.Context, s Server) Finding {
	mode, err := s.Locked(ctx)
	return asked("object lock", err, mode != "", "off",
		fmt.Sprintf("on (%s): nothing can be removed before its time, by hand either; gymline removes nothing", mode))
}

// asked is what a server answers of a setting that is better off.
func asked(check string, err error, on bool, off, warning string) Finding {
	switch {
	case err != nil:
		return Finding{Check: check, State: Unknown, Detail: unasked(err)}
	case on:
		return Finding{Check: check, State: Warning, Detail: warning}
	}
	return Finding{Check: check, State: OK, Detail: off}
}

// unasked says why something could not be asked: a right that is missing has a name.
func unasked(err error) string {
	if e, ok := errors.AsType[*store.Error](err); ok && e.Kind == store.Misconfigured && e.Fix != "" {
		return "it could not be asked: " + e.Fix
	}
	return "it could not be asked: " + err.Error()
}
