package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// roundTrip is how far away the slow store is.
const roundTrip = 20 * time.Millisecond

// A slowStore is a real MinIO server behind a link with a round trip of 20 ms.
type slowStore struct {
	w    *workshop
	stop context.CancelFunc
	cmd  *exec.Cmd
}

// startSlowStore starts the server, and writes w's profile.yaml for it, and near.yaml for
// it without the link.
func startSlowStore(ctx context.Context, minio string, w *workshop) (*slowStore, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &slowStore{w: w, stop: cancel}
	binary, err := filepath.Abs(minio)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	_ = l.Close()
	data := filepath.Join(w.dir, "minio")
	secret := rand.Text()
	w.env = append(w.env, "BENCH_ACCESS=bench", "BENCH_SECRET="+secret)
	s.cmd = w.command(ctx, binary, "server", "--quiet", "--address", address, "--console-address", "127.0.0.1:0", data)
	s.cmd.Env = append(s.cmd.Env, "MINIO_ROOT_USER=bench", "MINIO_ROOT_PASSWORD="+secret, "MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=1", "HOME="+w.dir)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start MinIO, which 'make minio' builds: %w", err)
	}
	if err := ready(ctx, "http://"+address+"/minio/health/ready"); err != nil {
		s.close()
		return nil, err
	}
	far, err := delayed(ctx, address, roundTrip)
	if err != nil {
		s.close()
		return nil, err
	}
	for name, at := range map[string]string{"profile.yaml": far, "near.yaml": address} {
		profile := fmt.Sprintf(`apiVersion: gymline/v1alpha1
kind: Profile
metadata: {name: slow}
spec:
  store: {s3: {endpoint: "http://%s", bucket: bench, accessKey: {env: BENCH_ACCESS}, secretKey: {env: BENCH_SECRET}}}
`, at)
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(profile), 0o600); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *slowStore) close() {
	s.stop()
	_ = s.cmd.Wait()
}

func ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("MinIO does not answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// delayed forwards loopback connections to target, and holds every byte for half
// the round trip on its way there, and on its way back.
func delayed(ctx context.Context, target string, trip time.Duration) (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				_ = near.Close()
				continue
			}
			go hold(far, near, trip/2)
			go hold(near, far, trip/2)
		}
	}()
	return l.Addr().String(), nil
}

// hold copies from src to dst, each chunk as long after it came as the delay says.
func hold(dst io.WriteCloser, src io.Reader, delay time.Duration) {
	type chunk struct {
		due  time.Time
		data []byte
	}
	chunks := make(chan chunk, 4096)
	go func() {
		defer close(chunks)
		for {
			buf := make([]byte, 32<<10)
			n, err := src.Read(buf)
			if n > 0 {
				chunks <- chunk{time.Now().Add(delay), buf[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for c := range chunks {
		time.Sleep(time.Until(c.due))
		if _, err := dst.Write(c.data); err != nil {
			break
		}
	}
	_ = dst.Close()
	for range chunks { // until the reader has noticed
	}
}
