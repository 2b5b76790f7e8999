// Package store keeps every artifact of a run: content-addressed blobs and the
// small records that name them, in one bucket of an S3 server. FORMAT.md beside
// this file is the layout. The package imports nothing else of this project.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// A Bucket is the little of S3 that the store needs. Implementations are s3
// (any S3 server), embedded (a server inside this process) and Mem; the suite
// in storetest is the contract's other half.
//
//   - Keys are slash-separated, without a leading slash.
//   - Put and Create are atomic: a reader sees the whole object or none.
//   - Create succeeds for exactly one of any number of concurrent callers; the
//     others get an error that wraps ErrExists.
//   - Get and Stat of an absent key give an error that wraps ErrNotFound.
//   - List yields keys in ascending byte order.
//   - Every other failure is an *Error that says whether a retry may help.
type Bucket interface {
	Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error
	Create(ctx context.Context, key string, body []byte) error
	Get(ctx context.Context, key string) (io.ReadCloser, error)
	Stat(ctx context.Context, key string) (size int64, err error)
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
}

// What callers branch on.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
	// ErrCorrupt means that stored bytes do not match their digest.
	ErrCorrupt = errors.New("stored bytes do not match their digest")
)

// A Kind says what can be done about a bucket's failure.
type Kind int

// The kinds of failure.
const (
	Transient     Kind = iota // the server or the way to it failed; retry later
	Misconfigured             // wrong credentials, bucket or endpoint
)

// An Error is a bucket operation that failed for a reason other than
// ErrNotFound or ErrExists.
type Error struct {
	Op   string // "put", "create", "get", "stat", "list"
	Key  string
	Kind Kind
	Fix  string // what to do next, or ""
	Err  error
}

func (e *Error) Error() string       { return fmt.Sprintf("store: %s %s: %v", e.Op, e.Key, e.Err) }
func (e *Error) Unwrap() error       { return e.Err }
func (e *Error) Temporary() bool     { return e.Kind == Transient }
func (e *Error) Configuration() bool { return e.Kind == Misconfigured }
func (e *Error) Hint() string        { return e.Fix }
