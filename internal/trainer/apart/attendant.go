package apart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/trainer"
)

// pause is between two calls for the job.
const pause = 100 * time.Millisecond

// An Attendant is the side of the trainer: the first process of its container.
type Attendant struct {
	Folder string   // that both containers have
	Apart  []string // paths that this container must not have
	Runner *trainer.Runner
}

// Attend does what one job asks for, and stays until ctx ends: a container that ends
// would be started anew. One that was finds no job, and does nothing.
func (a *Attendant) Attend(ctx context.Context) error {
	if err := a.apart(); err != nil {
		return err
	}
	conn := a.call(ctx)
	if conn == nil {
		return nil
	}
	defer conn.Close()
	end, err := a.obey(ctx, conn)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(conn).Encode(end); err == nil {
		_ = conn.CloseWrite()
	}
	<-ctx.Done()
	return nil
}

// call calls the job until it answers; nil when ctx ends before.
func (a *Attendant) call(ctx context.Context) *net.UnixConn {
	for {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: filepath.Join(a.Folder, socket)})
		if err == nil {
			return conn
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// obey carries the job's order out, until it ends or the job wants no more of it.
func (a *Attendant) obey(ctx context.Context, conn *net.UnixConn) (outcome, error) {
	lines := json.NewDecoder(conn)
	var what order
	if err := lines.Decode(&what); err != nil {
		return outcome{}, fault.New(fault.Temporary, fmt.Errorf("the job's order: %w", err), "")
	}
	if err := a.roleless(); err != nil {
		return refused(err), nil
	}
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, conn) // it says no more, and then is gone
		cancel()
	}()
	err := a.Runner.Start(within, a.Folder, what.Args, what.Env)
	alone()
	exit, ended := errors.AsType[*job.Exit](err)
	switch {
	case ended:
		return outcome{Exit: exit}, nil
	case err != nil && within.Err() == nil:
		return refused(err), nil
	}
	return outcome{}, nil
}

func refused(err error) outcome { return outcome{Refused: err.Error(), Hint: fault.Hint(err)} }

// apart refuses to work where this container has what it should not.
func (a *Attendant) apart() error {
	for _, path := range a.Apart {
		if _, err := os.Lstat(path); err == nil {
			return fault.New(fault.Config, fmt.Errorf("no trainer is run: its container has %s, by which it could reach the store's keys", path),
				"does the cluster apply the podSpecPatch of a template? see docs/kubernetes.md")
		}
	}
	return nil
}

// roles are the variables by which clusters give a pod's role to all its containers.
var roles = []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"}

func (a *Attendant) roleless() error {
	for _, v := range a.Runner.Environ {
		if name, _, _ := strings.Cut(v, "="); slices.Contains(roles, name) {
			return fault.New(fault.Config, fmt.Errorf("the trainer was not started: the cluster gave its container the pod's role, by %s", name),
				"keep the role from the container trainer, or give the store's keys by accessKey and secretKey; see docs/kubernetes.md")
		}
	}
	return nil
}

// alone ends every other process of this container, whose first one this is: what
// a trainer left running could still change its checkpoint.
func alone() {
	if os.Getpid() == 1 {
		_ = syscall.Kill(-1, syscall.SIGKILL)
	}
}
