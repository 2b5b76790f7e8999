// Package embedded is an S3 server inside this process, over a folder of this
// machine: the store of a run that has no other. Child processes reach it on
// loopback with the keys that their parent gives them.
//
// One server can run in a process at a time, which is a limit of the gateway.
package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/s3"
)

// Bucket is the name of the one bucket.
const Bucket = "gymline"

// Bounds of the server.
const (
	maxConnections = 8192
	maxRequests    = 4096
	maxParts       = 10000
	portAttempts   = 10 // another program may take the port between its choice and its use
)

// A Server serves one folder until Close.
type Server struct {
	address string
	access  string
	secret  s3.Secret
	root    *os.Root
	lock    *os.File // nil when read-only
	stop    context.CancelFunc
	done    chan error // receives the gateway's end
	close   sync.Once
	closed  error
}

// Start serves dir, which is made when absent, on 127.0.0.1 with keys of its
// own. One process may do so at a time; the error of a second one says who
// holds the folder. ctx governs the start alone: the server runs until Close,
// so that what is under way at an interrupt can still be committed.
func Start(ctx context.Context, dir string) (*Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unusable(dir, err)
	}
	lock, err := acquire(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, err
	}
	s, err := prepare(dir)
	if err == nil {
		s.lock = lock
		err = s.serve(ctx, false)
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return s, nil
}

// StartReadOnly serves dir for reading, also while another process writes to
// it. A folder that holds no store gives an error that wraps store.ErrNotFound.
func StartReadOnly(ctx context.Context, dir string) (*Server, error) {
	if _, err := os.Stat(filepath.Join(dir, objects)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("store: open %s: no run was kept there: %w", dir, store.ErrNotFound)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, unusable(dir, err)
	}
	s := &Server{root: root}
	if err := s.serve(ctx, true); err != nil {
		return nil, err
	}
	return s, nil
}

// Endpoint returns the server's URL.
func (s *Server) Endpoint() string { return "http://" + s.address }

// Config is what this process and its children open the bucket with; its keys
// are as old as the server.
func (s *Server) Config() s3.Config {
	return s3.Config{Endpoint: s.Endpoint(), Bucket: Bucket, Region: region, AccessKey: s.access, SecretKey: s.secret}
}

// prepare makes the folder's parts and drops what a crash left half written.
func prepare(dir string) (*Server, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, unusable(dir, err)
	}
	err = errors.Join(root.RemoveAll(uploads), root.MkdirAll(uploads, 0o700), root.MkdirAll(objects, 0o700))
	if err != nil {
		root.Close()
		return nil, unusable(dir, err)
	}
	return &Server{root: root}, nil
}

const region = "us-east-1"

// serve starts the gateway on a free port and returns once it listens.
func (s *Server) serve(ctx context.Context, readOnly bool) error {
	s.access, s.secret = rand.Text(), s3.Secret(rand.Text())
	for attempt := 1; ; attempt++ {
		address, err := freeAddress()
		if err == nil {
			err = s.listen(ctx, address, readOnly)
		}
		if err == nil {
			return nil
		}
		if attempt == portAttempts || !errors.Is(err, syscall.EADDRINUSE) {
			s.root.Close()
			return err
		}
	}
}

func (s *Server) listen(ctx context.Context, address string, readOnly bool) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	listening := make(chan struct{})
	done := make(chan error, 1)
	account := auth.Account{Access: s.access, Secret: string(s.secret), Role: auth.RoleAdmin}
	go func() {
		done <- embedgw.RunVersityGW(running, &folder{root: s.root}, &embedgw.Config{
			RootUserAccess:    account.Access,
			RootUserSecret:    account.Secret,
			IAMService:        auth.NewIAMServiceSingle(account), // the default one prints,
			Region:            region,
			Ports:             []string{address},
			MaxConnections:    maxConnections,
			MaxRequests:       maxRequests,
			MultipartMaxParts: maxParts,
			Quiet:             true,
			KeepAlive:         true,
			Readonly:          readOnly,
			S3Options:         []s3api.Option{s3api.WithOnListen(func() { close(listening) })},
		})
	}()
	select {
	case <-listening:
		s.address, s.stop, s.done = address, stop, done
		return nil
	case err := <-done:
		stop()
		return &store.Error{Op: "open", Key: address, Kind: store.Transient, Err: err,
			Fix: "run again; if it stays, look for what keeps this machine from listening on 127.0.0.1"}
	case <-ctx.Done():
		stop()
		return errors.Join(fmt.Errorf("store: open %s: %w", address, ctx.Err()), <-done)
	}
}

// Close stops the server after the requests under way and frees the folder.
func (s *Server) Close() error {
	s.close.Do(func() {
		s.stop()
		s.closed = errors.Join(<-s.done, s.root.Close())
		if s.lock != nil {
			s.lock.Close()
		}
	})
	return s.closed
}

// freeAddress returns an address that was free a moment ago. The gateway takes
// an address, not a listener.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", &store.Error{Op: "open", Key: "127.0.0.1", Kind: store.Transient, Err: err,
			Fix: "look for what keeps this machine from listening on 127.0.0.1"}
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func unusable(dir string, err error) error {
	kind, fix := store.Misconfigured, "give a folder that this user may write to"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		kind, fix = store.Transient, "the disk is full: free space there and run again; what was committed is kept"
	}
	return &store.Error{Op: "open", Key: dir, Kind: kind, Err: err, Fix: fix}
}
