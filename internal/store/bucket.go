// Package store keeps every artifact of a run: content-addressed blobs and the
// small records that name them, in one bucket: a folder, or a bucket of an S3
// server. FORMAT.md beside this file is the layout. The package imports nothing else of this project.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// A Bucket is the little of S3 that the store needs. Implementations are
// folder (a plain folder), s3 (any S3 server) and Mem; the suite in storetest is
// the contract's other half.
//
//   - Keys are UTF-8, at most 900 bytes, of slash-separated segments of 1 to 240
//     bytes that are neither "." nor ".."; no key continues another one's path
//     (not both a/b and a/b/c), so that a file system can hold them.
//   - Put and Create are atomic: a reader sees the whole object or none.
//   - Put reads body from its start, more than once.
//   - Create succeeds for exactly one of any number of concurrent callers; the
//     others get an error that wraps ErrExists. Only when the server's answer
//     was lost on the way may callers that wrote identical bytes all succeed.
//   - Get, GetRange and Stat of an absent key give an error that wraps ErrNotFound.
//   - GetRange yields length bytes, at least one, from offset on: fewer, or none,
//     where the object ends before.
//   - List yields keys in ascending byte order, and an error ends it. Sizes does the same
//     with the size of each and when it was written last, which may cost more.
//   - Delete removes an object for every reader from then on; one that is absent is
//     removed already. It needs a right that nothing else needs. It is asked for once: an
//     answer that is lost is not waited for again, so that no removal comes late.
//   - A cancelled ctx gives its own error; every other failure, also while the
//     body of a Get is read, is an *Error that says whether a retry may help.
type Bucket interface {
	Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error
	Create(ctx context.Context, key string, body []byte) error
	Get(ctx context.Context, key string) (io.ReadCloser, error)
	GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	Stat(ctx context.Context, key string) (size int64, err error)
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
	Sizes(ctx context.Context, prefix string) iter.Seq2[Sized, error]
	Delete(ctx context.Context, key string) error
}

// A Sized is an object's key, its size in bytes as it is stored, and when it was written
// last, by the clock of whoever keeps the bucket; zero where that has none.
type Sized struct {
	Key     string
	Bytes   int64
	Changed time.Time
}

// An Object is a small object that is held in memory.
type Object struct {
	Key  string
	Body []byte
}

// Together is what a bucket has that puts many objects with fewer waits than one by
// one: when PutAll returns nil each is as after a Put, after an error some may be.
type Together interface {
	PutAll(ctx context.Context, objects []Object) error
}

// A Digested body of a Put knows the digest of its bytes, so that a bucket which
// needs it does not hash them again.
type Digested interface{ Digest() Digest }

// What callers branch on.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
	// ErrCorrupt means that stored bytes do not match their digest.
	ErrCorrupt = errors.New("stored bytes do not match their digest")
	// ErrUnreadable means that a record is there and says nothing: it is damaged,
	// another one's, or of a later format.
	ErrUnreadable = errors.New("the record cannot be read")
	// ErrDenied means that the keys lack a right. A server may say so of what is absent.
	ErrDenied = errors.New("access denied")
)

// A Kind says what can be done about a bucket's failure.
type Kind int

// The kinds of failure.
const (
	Transient     Kind = iota // the server or the way to it failed; retry later
	Misconfigured             // wrong credentials, bucket or endpoint
	Refused                   // the request itself cannot be served, such as an object that is too large
)

// An Error is a bucket operation that failed for a reason other than
// ErrNotFound or ErrExists.
type Error struct {
	Op   string // "put", "create", "get", "stat", "list", "delete", "open", "make", "ask"
	Key  string
	Kind Kind
	Fix  string // what to do next, or ""
	Err  error
	// Denied says that it is an ErrDenied.
	Denied bool
}

func (e *Error) Is(target error) bool { return e.Denied && target == ErrDenied }
func (e *Error) Error() string        { return fmt.Sprintf("store: %s %s: %v", e.Op, e.Key, e.Err) }
func (e *Error) Unwrap() error        { return e.Err }
func (e *Error) Temporary() bool      { return e.Kind == Transient }
func (e *Error) Configuration() bool  { return e.Kind == Misconfigured }
func (e *Error) Hint() string         { return e.Fix }
