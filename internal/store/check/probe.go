// Package check finds out whether a bucket keeps what a store is built on: that an
// object is created once, whoever races for it, and seen at once by everybody. It
// asks a server rather than believe its name. What it writes lies under check/ and
// means nothing else; it removes nothing, because a store needs no right to.
package check

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/store"
)

// Of the light probe; the thorough one does more.
const (
	writers = 8
	rounds  = 3
)

// A broken bucket does not do what is needed of it.
type broken struct{ what string }

func (b broken) Error() string { return b.what }

func brokenf(format string, args ...any) error { return broken{fmt.Sprintf(format, args...)} }

// notConditional is what a bucket without create-once lacks, in the words of S3.
const notConditional = "the server does not honour If-None-Match: *"

const fix = "runs would overwrite each other there: use a server that honours conditional writes, such as MinIO, AWS, or a newer version of this one; 'gymline store check' tests it"

// Once probes a bucket for writing unless it was found good on that server before,
// which it notes in the bucket.
func Once(ctx context.Context, b store.Bucket, server string, now time.Time) error {
	r, err := b.Get(ctx, noteKey(server)) // no Stat: its answer has no body to say what is wrong
	if err == nil {
		return r.Close()
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := probe(ctx, b); err != nil {
		if bad, ok := errors.AsType[broken](err); ok {
			return &store.Error{Op: "open", Key: server, Kind: store.Misconfigured, Err: bad, Fix: fix}
		}
		return err
	}
	return passed(ctx, b, server, now)
}

// A note says that a bucket was found good.
type note struct {
	Format  int    `json:"format"`
	Server  string `json:"server"`
	Checked string `json:"checked"` // RFC 3339, UTC
}

// noteKey is of the server as well: a copy of the bucket on another one is not checked.
func noteKey(server string) string {
	return "check/" + string(store.DigestOf([]byte(server))[:16]) + ".json"
}

func passed(ctx context.Context, b store.Bucket, server string, now time.Time) error {
	data, err := json.MarshalIndent(note{1, server, store.Stamp(now)}, "", " ")
	if err != nil {
		return err
	}
	return put(ctx, b, noteKey(server), string(data)+"\n")
}

// probe asks for little: it runs when somebody waits for something else.
func probe(ctx context.Context, b store.Bucket) error {
	at := scratch()
	if err := createOnce(ctx, b, at+"once"); err != nil {
		return err
	}
	if err := createRaced(ctx, b, at, writers, rounds); err != nil {
		return err
	}
	return listed(ctx, at, rounds+1, b.List(ctx, at))
}

// scratch is a place where nobody else writes.
func scratch() string { return "check/" + rand.Text() + "/" }

// createOnce creates an object twice, one after the other.
func createOnce(ctx context.Context, b store.Bucket, key string) error {
	err := b.Create(ctx, key, []byte("first"))
	if errors.Is(err, store.ErrExists) {
		return brokenf("%s: it says that a key is taken which nobody has written", notConditional)
	}
	if err != nil {
		return err
	}
	switch err := b.Create(ctx, key, []byte("second")); {
	case err == nil:
		return brokenf("%s: an object that was there was replaced", notConditional)
	case !errors.Is(err, store.ErrExists):
		return err
	}
	switch got, err := read(ctx, b, key); {
	case err != nil:
		return err
	case got != "first":
		return brokenf("%s: it refused to replace an object, and replaced it", notConditional)
	}
	return nil
}

// createRaced has writers race for each of several objects.
func createRaced(ctx context.Context, b store.Bucket, at string, writers, rounds int) error {
	for round := range rounds {
		key := fmt.Sprintf("%srace-%d", at, round)
		won := make([]bool, writers)
		start := make(chan struct{})
		var group errgroup.Group
		for w := range writers {
			group.Go(func() error {
				<-start
				err := b.Create(ctx, key, fmt.Appendf(nil, "writer %d", w))
				won[w] = err == nil
				if errors.Is(err, store.ErrExists) {
					return nil
				}
				return err
			})
		}
		close(start)
		if err := group.Wait(); err != nil {
			return err
		}
		winners, winner := 0, 0
		for w := range won {
			if won[w] {
				winners, winner = winners+1, w
			}
		}
		if winners != 1 {
			return brokenf("%s when writers race: of %d that created one object at once, %d were told that they did", notConditional, writers, winners)
		}
		got, err := read(ctx, b, key)
		if err != nil {
			return err
		}
		if want := fmt.Sprintf("writer %d", winner); got != want {
			return brokenf("%s when writers race: one was told that it created an object, and another one's is there", notConditional)
		}
	}
	return nil
}

// listed holds a listing against how many keys were written below a prefix.
func listed(ctx context.Context, at string, want int, list func(func(string, error) bool)) error {
	n, last := 0, ""
	for key, err := range list {
		if err != nil {
			return err
		}
		if key <= last {
			return brokenf("a listing is not in order: %s follows %s", key, last)
		}
		n, last = n+1, key
	}
	if n != want {
		return brokenf("a listing of %s has %d keys right after %d were written", at, n, want)
	}
	return ctx.Err()
}

func put(ctx context.Context, b store.Bucket, key, text string) error {
	return b.Put(ctx, key, bytes.NewReader([]byte(text)), int64(len(text)))
}

// read reads an object that was just written.
func read(ctx context.Context, b store.Bucket, key string) (string, error) {
	r, err := b.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return "", brokenf("an object is not there right after it was written")
	}
	if err != nil {
		return "", err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return string(data), err
}
