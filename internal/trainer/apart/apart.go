// Package apart runs a trainer in a container of its own, beside that of the job,
// which has the store's keys. They share one folder and nothing else. The job's
// side is a Runner, the trainer's an Attendant; they speak over a socket in that
// folder, a line of JSON each way.
//
// What holds, whatever the trainer does: the job takes one connection, which is the
// attendant's, since no program of the trainer's runs before it, and closes the way
// to another; of the folder it reads what a trainer.Home lets through. When either
// side is gone the connection is, so that a container which was killed is noticed at
// once, and a trainer does not outlive its job. The checkpoint is read when no
// process of the trainer's is left.
package apart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/trainer"
)

// socket is where both sides meet, in their folder.
const socket = "gymline.sock"

// maxLine bounds what one side reads of the other, in bytes.
const maxLine = 1 << 20

// patience is how long the attendant may take to call. Its container has started
// before the job's does.
const patience = 2 * time.Minute

// An order is what the job asks for.
type order struct {
	Args []string `json:"args"`
	Env  []string `json:"env"`
}

// An outcome is how it ended. The zero one is well.
type outcome struct {
	Exit *job.Exit `json:"exit,omitempty"` // it ended badly
	// Refused says why it was not started, and Hint what to do about that.
	Refused string `json:"refused,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// A Runner is the side of the job. It implements job.Runner.
type Runner struct {
	Folder   string        // that both containers have, empty
	Grace    time.Duration // of the trainer, after SIGTERM; 0: trainer.Grace
	Patience time.Duration // 0: 2 minutes
}

// Run implements job.Runner.
func (r *Runner) Run(ctx context.Context, p job.Program) error {
	home, err := trainer.Settle(r.Folder)
	if err != nil {
		return err
	}
	defer home.Close()
	if err := home.Fill(ctx, p); err != nil {
		return err
	}
	conn, err := r.meet(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := r.have(ctx, conn, order{Args: p.Args, Env: p.Env}); err != nil {
		return err
	}
	return home.Take(ctx, p)
}

// meet waits for the attendant to call, and lets nobody else.
func (r *Runner) meet(ctx context.Context) (*net.UnixConn, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(r.Folder, socket)})
	if err != nil {
		return nil, fault.New(fault.Temporary, fmt.Errorf("wait for the trainer's container: %w", err), "")
	}
	defer listener.Close()
	limit := r.Patience
	if limit == 0 {
		limit = patience
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(within, func() { listener.Close() })()
	conn, err := listener.AcceptUnix()
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, fault.New(fault.Temporary, fmt.Errorf("the trainer's container did not answer within %s: %w", limit, err),
		"is its image for the machines of this cluster, and has it memory enough to start?")
}

// have has the attendant carry an order out. When ctx ends it asks it to leave, and
// waits for that as long as it may take.
func (r *Runner) have(ctx context.Context, conn *net.UnixConn, what order) error {
	if err := json.NewEncoder(conn).Encode(what); err != nil {
		return gone()
	}
	defer context.AfterFunc(ctx, func() {
		_ = conn.CloseWrite()
		time.AfterFunc(grace(r.Grace)+5*time.Second, func() { conn.Close() })
	})()
	var end outcome
	err := json.NewDecoder(io.LimitReader(conn, maxLine)).Decode(&end)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return gone()
	case end.Refused != "":
		return fault.New(fault.Config, errors.New(text.Safe(end.Refused)), text.Safe(end.Hint))
	case end.Exit != nil:
		end.Exit.Signal, end.Exit.Last = text.Line(end.Exit.Signal), text.Safe(end.Exit.Last)
		return end.Exit
	}
	return nil
}

// gone is the end of an attendant that told of none.
func gone() error {
	return &job.Exit{Signal: "SIGKILL", Last: "its container ended without a word, as one does that ran out of memory"}
}

func grace(d time.Duration) time.Duration {
	if d == 0 {
		return trainer.Grace
	}
	return d
}
