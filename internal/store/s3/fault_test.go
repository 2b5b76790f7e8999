package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/miniotest"
	"github.com/gymline/gymline/internal/store/s3"
	"github.com/gymline/gymline/internal/store/storetest"
)

// through opens a bucket behind a proxy that wrap may make faulty.
func through(t *testing.T, c s3.Config, wrap func(next http.Handler) http.HandlerFunc) *s3.Bucket {
	t.Helper()
	target, err := url.Parse(c.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is part of the signature
	}}
	proxy := httptest.NewServer(wrap(next))
	t.Cleanup(proxy.Close)
	c.Endpoint = proxy.URL
	return open(t, c)
}

func hangUp(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	conn.Close()
}

func answer(w http.ResponseWriter, status int, code string) {
	body := fmt.Sprintf("<Error><Code>%s</Code><Message>about %s</Message></Error>", code, code)
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// TestFaults puts a fault between a bucket and a real server.
func TestFaults(t *testing.T) {
	t.Parallel()
	srv := miniotest.Start(t)
	t.Run("LostAnswer", func(t *testing.T) { lostAnswer(t, srv.Config("lost-answer")) })
	t.Run("CutBody", func(t *testing.T) { cutBody(t, srv.Config("cut-body")) })
	t.Run("Conflict", func(t *testing.T) { conflict(t, srv.Config("conflict")) })
}

// lostAnswer stores an object and loses the answer, so that the client's
// second try finds the key taken.
func lostAnswer(t *testing.T, c s3.Config) {
	direct := open(t, c)
	var lose atomic.Int32
	b := through(t, c, func(next http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && lose.Add(-1) >= 0 {
				next.ServeHTTP(httptest.NewRecorder(), r)
				hangUp(t, w)
				return
			}
			next.ServeHTTP(w, r)
		}
	})
	lose.Store(1)
	if err := b.Create(t.Context(), "own", []byte("mine")); err != nil {
		t.Errorf("the object was made by this call: %v", err)
	}
	lose.Store(2)
	if err := b.Create(t.Context(), "own-2", nil); err != nil {
		t.Errorf("the empty object was made by this call: %v", err)
	}
	if err := direct.Create(t.Context(), "other", []byte("another's")); err != nil {
		t.Fatal(err)
	}
	lose.Store(1)
	if err := b.Create(t.Context(), "other", []byte("mine")); !errors.Is(err, store.ErrExists) {
		t.Errorf("the object was there before: %v", err)
	}
	if err := b.Create(t.Context(), "own", []byte("mine")); !errors.Is(err, store.ErrExists) {
		t.Errorf("no answer was lost, and the key is taken: %v", err)
	}
	lose.Store(1)
	if err := b.Put(t.Context(), "put", strings.NewReader("twice"), 5); err != nil {
		t.Errorf("put: %v", err)
	}
}

// cutBody ends an answer in its middle: the way to the server failed, not
// the stored bytes.
func cutBody(t *testing.T, c s3.Config) {
	var cut atomic.Bool
	b := through(t, c, func(next http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !cut.Load() {
				next.ServeHTTP(w, r)
				return
			}
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			for k, v := range rec.Header() {
				w.Header()[k] = v
			}
			_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			hangUp(t, w)
		}
	})
	s := store.New(b)
	d, err := s.PutBlob(t.Context(), bytes.Repeat([]byte("0123456789abcdef"), 1<<16))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateRun(t.Context(), store.Run{ID: "r-1"}); err != nil {
		t.Fatal(err)
	}
	cut.Store(true)
	_, err = s.ReadBlob(t.Context(), d)
	storetest.WantError(t, err, store.Transient, "run again")
	if errors.Is(err, store.ErrCorrupt) {
		t.Errorf("called corrupt: %v", err)
	}
	_, err = s.ReadRun(t.Context(), "r-1")
	storetest.WantError(t, err, store.Transient, "run again")
	cut.Store(false)
	if _, err := s.ReadBlob(t.Context(), d); err != nil {
		t.Error(err)
	}
}

// conflict gets AWS's answer to two writers who meet.
func conflict(t *testing.T, c s3.Config) {
	var conflicts atomic.Int32
	b := through(t, c, func(next http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && conflicts.Add(-1) >= 0 {
				_, _ = io.Copy(io.Discard, r.Body)
				answer(w, http.StatusConflict, "ConditionalRequestConflict")
				return
			}
			next.ServeHTTP(w, r)
		}
	})
	conflicts.Store(2)
	if err := b.Create(t.Context(), "a", []byte("1")); err != nil {
		t.Errorf("after two conflicts: %v", err)
	}
	conflicts.Store(1)
	if err := b.Create(t.Context(), "a", []byte("2")); !errors.Is(err, store.ErrExists) {
		t.Errorf("after a conflict that was lost: %v", err)
	}
	conflicts.Store(1000)
	storetest.WantError(t, b.Create(t.Context(), "b", []byte("1")), store.Transient, "run again")
}

// TestAnswers classifies what servers say.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		kind   store.Kind
		fix    string
	}{
		{403, "AccessDenied", store.Misconfigured, "access key"},
		{403, "SignatureDoesNotMatch", store.Misconfigured, "access key"},
		{403, "InvalidAccessKeyId", store.Misconfigured, "access key"},
		{401, "SomethingElse", store.Misconfigured, "access key"},
		{403, "RequestTimeTooSkewed", store.Misconfigured, "clock"},
		{404, "NoSuchBucket", store.Misconfigured, "make it first"},
		{301, "PermanentRedirect", store.Misconfigured, "region"},
		{507, "XMinioStorageFull", store.Transient, "full"},
		{507, "InsufficientStorage", store.Transient, "full"},
		{403, "QuotaExceeded", store.Transient, "full"},
		{503, "SlowDown", store.Transient, "run again"},
		{500, "InternalError", store.Transient, "run again"},
		{409, "OperationAborted", store.Transient, "run again"},
		{400, "EntityTooLarge", store.Refused, ""},
		{501, "NotImplemented", store.Refused, "lacks"},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			var failing atomic.Bool
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if failing.Load() {
					answer(w, c.status, c.code)
				}
			}))
			t.Cleanup(srv.Close)
			b := open(t, s3.Config{Endpoint: srv.URL, Bucket: "b-1", Region: "us-east-1", AccessKey: "a", SecretKey: "b"})
			failing.Store(true)
			err := b.Put(t.Context(), "k", strings.NewReader("x"), 1)
			storetest.WantError(t, err, c.kind, c.fix)
			if !strings.Contains(err.Error(), c.code) {
				t.Errorf("%v does not name %s", err, c.code)
			}
		})
	}
}

// TestEarlyAnswer gets an answer while the body is still on its way. The client
// then rewinds the body and sends it again: the race detector sees whether it
// was let go of.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	var failures atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failures.Add(-1) >= 0 {
			both := http.NewResponseController(w)
			if err := both.EnableFullDuplex(); err != nil {
				t.Error(err)
			}
			answer(w, http.StatusServiceUnavailable, "SlowDown")
			if err := both.Flush(); err != nil {
				t.Error(err)
			}
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(srv.Close)
	b := open(t, s3.Config{Endpoint: srv.URL, Bucket: "b-1", Region: "us-east-1", AccessKey: "a", SecretKey: "b"})
	body := make([]byte, 32<<20)
	for range 3 {
		failures.Store(3)
		if err := b.Put(t.Context(), "k", bytes.NewReader(body), int64(len(body))); err != nil {
			t.Error(err)
		}
	}
}

// TestTLS points https at what it is not.
func TestTLS(t *testing.T) {
	t.Parallel()
	quiet := log.New(io.Discard, "", 0)
	plain := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	plain.Config.ErrorLog, secure.Config.ErrorLog = quiet, quiet
	plain.Start()
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	for name, endpoint := range map[string]string{
		"untrusted certificate": secure.URL,
		"https to http":         strings.Replace(plain.URL, "http:", "https:", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s3.Open(t.Context(), s3.Config{Endpoint: endpoint, Bucket: "b-1", Region: "us-east-1", AccessKey: "a", SecretKey: "b"})
			storetest.WantError(t, err, store.Misconfigured, "certificate")
		})
	}
}
