package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/miniotest"
	"github.com/gymline/gymline/internal/store/s3"
	"github.com/gymline/gymline/internal/store/storetest"
)

func open(t testing.TB, c s3.Config) *s3.Bucket {
	t.Helper()
	b, err := s3.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// TestMinIO runs alone, because it measures memory.
func TestMinIO(t *testing.T) {
	srv := miniotest.Start(t)
	var n atomic.Int64
	storetest.Run(t, func(t testing.TB) store.Bucket { return open(t, srv.Config(fmt.Sprint("suite-", n.Add(1)))) }, 64<<20)
	t.Run("OpenRace", func(t *testing.T) { openRace(t, srv) })
	t.Run("Prefix", func(t *testing.T) { prefix(t, srv) })
	t.Run("WrongDigest", func(t *testing.T) { wrongDigest(t, srv) })
	t.Run("WrongKeys", func(t *testing.T) { wrongKeys(t, srv) })
	t.Run("Environment", func(t *testing.T) { environment(t, srv) })
}

// claimed is a body that says it has a digest.
type claimed struct {
	*strings.Reader
	digest store.Digest
}

func (c claimed) Digest() store.Digest { return c.digest }

// wrongDigest: a digest that a body brings along is signed in place of one that is
// computed, so the server refuses other bytes.
func wrongDigest(t *testing.T, srv *miniotest.Server) {
	b := open(t, srv.Config("digested"))
	put := func(key, digested string) error {
		return b.Put(t.Context(), key, claimed{strings.NewReader("bytes"), store.DigestOf([]byte(digested))}, 5)
	}
	if err := put("right", "bytes"); err != nil {
		t.Error(err)
	}
	if err := put("wrong", "other"); err == nil {
		t.Error("stored under another digest")
	}
	if _, err := b.Stat(t.Context(), "wrong"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after a refusal: %v", err)
	}
}

// openRace makes one bucket from many processes at once.
func openRace(t *testing.T, srv *miniotest.Server) {
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			b, err := s3.Open(t.Context(), srv.Config("made-by-many"))
			if err == nil {
				b.Close()
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// prefix shares one bucket.
func prefix(t *testing.T, srv *miniotest.Server) {
	c := srv.Config("shared")
	whole := open(t, c)
	c.Prefix = "/team/a/"
	part := open(t, c)
	if err := errors.Join(part.Create(t.Context(), "x/1", []byte("in")), whole.Create(t.Context(), "x/1", []byte("out"))); err != nil {
		t.Fatal(err)
	}
	keys := func(b *s3.Bucket, prefix string) (keys []string) {
		for key, err := range b.List(t.Context(), prefix) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
		return keys
	}
	if got := keys(whole, ""); fmt.Sprint(got) != "[team/a/x/1 x/1]" {
		t.Errorf("the whole bucket: %q", got)
	}
	if got := append(keys(part, ""), keys(part, "x")...); fmt.Sprint(got) != "[x/1 x/1]" {
		t.Errorf("below the prefix: %q", got)
	}
}

func wrongKeys(t *testing.T, srv *miniotest.Server) {
	for _, change := range []func(*s3.Config){
		func(c *s3.Config) { c.SecretKey = "wrong" },
		func(c *s3.Config) { c.AccessKey = "wrong" },
	} {
		c := srv.Config("wrong-keys")
		change(&c)
		_, err := s3.Open(t.Context(), c)
		storetest.WantError(t, err, store.Misconfigured, "access key and secret key")
		if strings.Contains(fmt.Sprintf("%+v", err), string(srv.SecretKey)) {
			t.Error("the error shows the secret")
		}
	}
	c := srv.Config("No_Such_Name")
	_, err := s3.Open(t.Context(), c)
	storetest.WantError(t, err, store.Misconfigured, "name")
}

// environment takes the keys from where every S3 client does.
func environment(t *testing.T, srv *miniotest.Server) {
	t.Setenv("AWS_ACCESS_KEY_ID", srv.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", string(srv.SecretKey))
	c := srv.Config("from-environment")
	c.AccessKey, c.SecretKey = "", ""
	if err := open(t, c).Put(t.Context(), "k", bytes.NewReader(nil), 0); err != nil {
		t.Error(err)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	srv := miniotest.StartIn(t, storetest.SmallDisk(t, 64<<20))
	storetest.FullDisk(t, open(t, srv.Config("full")))
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	for endpoint, want := range map[string]struct {
		kind store.Kind
		fix  string
	}{
		"http://" + free.Addr().String(): {store.Transient, "server runs and answers at http://" + free.Addr().String()},
		"http://no-such-host.invalid":    {store.Misconfigured, "host is not known"},
		"minio:9000":                     {store.Misconfigured, "http://host:port"},
		"":                               {store.Misconfigured, "http://host:port"},
		"ftp://minio":                    {store.Misconfigured, "http://host:port"},
		"http://minio:9000/bucket":       {store.Misconfigured, "http://host:port"},
		"http://key:secret@minio":        {store.Misconfigured, "http://host:port"},
	} {
		t.Run(endpoint, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := s3.Open(t.Context(), s3.Config{Endpoint: endpoint, Bucket: "b-1", Region: "us-east-1", AccessKey: "a", SecretKey: "b"})
			storetest.WantError(t, err, want.kind, want.fix)
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows a secret: %v", err)
			}
			t.Logf("%v after %v", err, time.Since(began))
		})
	}
}

func TestCancelWhileRetrying(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s3.Open(ctx, s3.Config{Endpoint: "http://" + free.Addr().String(), Bucket: "b-1", Region: "us-east-1", AccessKey: "a", SecretKey: "b"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the context's error", err)
	}
}
