// Package miniotest starts a real MinIO server for a test, on loopback, with
// keys and a folder of its own.
package miniotest

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials" //nolint:depguard // keys of a server under test

	"github.com/gymline/gymline/internal/store/s3"
	"github.com/gymline/gymline/internal/store/storetest"
)

// A Server is a MinIO server under test.
type Server struct {
	Endpoint  string // "http://127.0.0.1:port"
	AccessKey string
	SecretKey s3.Secret

	binary  string
	dir     string
	address string
	cmd     *exec.Cmd
}

// startLimit is how long a server may take until it answers.
const startLimit = 30 * time.Second

// Start runs a server until the test ends. Without a MinIO binary the test is
// skipped, or fails where CI=true; `make minio` builds one.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartIn(t, storetest.Dir(t))
}

// StartIn is Start with a folder for the server's data.
func StartIn(t testing.TB, dir string) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{AccessKey: rand.Text(), SecretKey: s3.Secret(rand.Text()), binary: binary(t), dir: dir, address: l.Addr().String()}
	s.Endpoint = "http://" + s.address
	l.Close()
	t.Cleanup(func() { s.Kill(t) })
	s.Resume(t)
	return s
}

// Config addresses a bucket of the server.
func (s *Server) Config(bucket string) s3.Config {
	return s3.Config{Endpoint: s.Endpoint, Bucket: bucket, Region: "us-east-1", AccessKey: s.AccessKey, SecretKey: s.SecretKey}
}

// Least addresses a bucket with temporary keys that may do what a policy says, and
// no more: one of manifests/store, whose BUCKET and PREFIX are put in.
func (s *Server) Least(t testing.TB, bucket, prefix, policy string) s3.Config {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(moduleRoot(t), "manifests", "store", policy))
	if err != nil {
		t.Fatal(err)
	}
	said := strings.NewReplacer("BUCKET", bucket, "PREFIX", prefix).Replace(string(data))
	keys, err := Keys(t.Context(), s.Endpoint, s.AccessKey, string(s.SecretKey), said)
	if err != nil {
		t.Fatalf("keys with the policy %s: %v", policy, err)
	}
	c := s.Config(bucket)
	c.Prefix, c.AccessKey, c.SecretKey, c.SessionToken = prefix, keys.AccessKeyID, s3.Secret(keys.SecretAccessKey), s3.Secret(keys.SessionToken)
	return c
}

// Keys are temporary keys of a server, for an hour, that may do what a policy says.
func Keys(ctx context.Context, endpoint, accessKey, secretKey, policy string) (credentials.Value, error) {
	sts, err := credentials.NewSTSAssumeRole(endpoint, credentials.STSAssumeRoleOptions{AccessKey: accessKey, SecretKey: secretKey, Policy: policy})
	for err == nil {
		keys, err := sts.GetWithContext(&credentials.CredContext{Client: http.DefaultClient})
		if err == nil || !strings.Contains(err.Error(), "not initialized") { // a server that has just begun
			return keys, err
		}
		select {
		case <-ctx.Done():
			return keys, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return credentials.Value{}, err
}

// Kill ends the server at once. Its data stays.
func (s *Server) Kill(testing.TB) {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// Resume starts a killed server again, on its port and over its data, and
// waits until it answers.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(s.binary, "server", "--quiet", "--address", s.address, "--console-address", "127.0.0.1:0", s.dir)
	s.cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+s.AccessKey, "MINIO_ROOT_PASSWORD="+string(s.SecretKey),
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=1", "HOME="+s.dir)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", s.binary, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	for !s.ready(ctx) {
		select {
		case <-ctx.Done():
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("MinIO at %s does not answer:\n%s", s.Endpoint, said)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/minio/health/ready", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// binary finds MinIO: GYMLINE_MINIO, or what `make minio` built.
func binary(t testing.TB) string {
	t.Helper()
	name := os.Getenv("GYMLINE_MINIO")
	if name == "" {
		name = filepath.Join(moduleRoot(t), ".cache", "minio")
	}
	if _, err := os.Stat(name); err != nil {
		const how = "no MinIO server to test against: run `make minio`, or set GYMLINE_MINIO to a binary"
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s: %v", how, err)
		}
		t.Skipf("%s: %v", how, err)
	}
	return name
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = up
	}
}
