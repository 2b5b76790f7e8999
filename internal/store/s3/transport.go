package s3

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// transport does two things that the client above it leaves open: it counts the
// PUTs that are sent for one call, because the client retries without saying
// so; and it lets go of a request's body before it returns, because a server
// may answer early, and then the body is rewound or freed.
type transport struct{ *http.Transport }

// sentKey is the context key of a call's *atomic.Int32.
type sentKey struct{}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if n, ok := r.Context().Value(sentKey{}).(*atomic.Int32); ok && r.Method == http.MethodPut {
		n.Add(1)
	}
	if r.Body == nil {
		return t.Transport.RoundTrip(r)
	}
	body := &lease{ReadCloser: r.Body}
	defer body.end()
	r = r.WithContext(r.Context()) // a copy: the caller's request is not ours to change
	r.Body = body
	return t.Transport.RoundTrip(r)
}

// A lease is a body that can be read until the lease ends.
type lease struct {
	io.ReadCloser
	mu    sync.Mutex
	ended bool
}

var errEnded = errors.New("the server answered before it had read the request")

func (l *lease) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return 0, errEnded
	}
	return l.ReadCloser.Read(p)
}

func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}
