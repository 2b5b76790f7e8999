package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/gymline/gymline/internal/audit/oms"
	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A profile may have every run signed at its end. That the key is there is found before a
// run's first work; what hinders the signature takes nothing from a run that is sealed.

// signWithin is how long the signature of a run that has ended may take.
const signWithin = time.Minute

// keyFromEnv reads a private key from the environment; from says who names the variable.
func keyFromEnv(edge *cli.Edge, name, from string) (crypto.Signer, error) {
	value := edge.Getenv(name)
	if value == "" {
		return nil, fault.New(fault.Config, fmt.Errorf("%s: the variable %s is not set", from, name), "set it to the text of the private key that 'gymline keygen' wrote")
	}
	key, err := sign.Private([]byte(value))
	if err != nil {
		err = fmt.Errorf("%s: the variable %s: %w", from, name, err)
	}
	return key, fault.New(fault.Config, err, "set it to the text of the private key that 'gymline keygen' wrote")
}

// signingKey is the key that a run is to be signed with at its end; nil: none.
func signingKey(edge *cli.Edge, how run.Execution) (crypto.Signer, error) {
	if how.SignEnv == "" {
		return nil, nil //nolint:nilnil // a run need not be signed
	}
	return keyFromEnv(edge, how.SignEnv, "spec.sign.key of the profile")
}

// signRun signs a sealed run, and its exports and checkpoints as models where the key is
// one for that, and records who did.
func signRun(ctx context.Context, runs run.Registry, id store.RunID, key crypto.Signer) (by string, models []string, err error) {
	by, added, err := sign.Run(ctx, runs.Store, id, key)
	if err != nil {
		return by, nil, err
	}
	models, more, err := oms.Run(ctx, runs.Store, id, key)
	if err == nil && (added || more) {
		err = runs.Act(ctx, id, store.Signed, "")
	}
	return by, models, err
}

// signSealed signs a run that has ended, if it is to be. The error says that it is not
// signed; a run that was not sealed has said so itself.
func signSealed(ctx context.Context, edge *cli.Edge, runs run.Registry, id store.RunID, how run.Execution) error {
	if how.SignEnv == "" || id == "" {
		return nil
	}
	within := signWithin
	if ctx.Err() != nil {
		within = grace
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	if _, err := runs.ReadSeal(ctx, id); errors.Is(err, store.ErrNotFound) {
		return nil
	}
	key, err := signingKey(edge, how)
	if err == nil {
		_, _, err = signRun(ctx, runs, id, key)
	}
	if err != nil {
		return fault.New(fault.Code(err), fmt.Errorf("run %s is sealed and not signed: %w", id, err), fmt.Sprintf("'gymline sign %s --key FILE' signs it", id))
	}
	return nil
}

// signHead signs the run that a workflow has ended.
func signHead(ctx context.Context, edge *cli.Edge, runs run.Registry, head run.Head) error {
	how, err := run.ExecutionOf(head.Run)
	if err != nil {
		return err
	}
	return signSealed(ctx, edge, runs, head.ID, how)
}

// signable refuses, before a workflow's work, a run that could not be signed, and leaves
// why in its records.
func signable(ctx context.Context, edge *cli.Edge, st *store.Store, id store.RunID, d run.Draft) error {
	how, err := d.Execution()
	if err == nil {
		_, err = signingKey(edge, how)
	}
	if err == nil {
		return nil
	}
	return errors.Join(err, st.PutFailure(ctx, id, run.FailureOf(run.Unexplained, 0, err)))
}

// after is how a command ends whose run was not signed: as the run, whose own error is first.
func after(edge *cli.Edge, err, unsigned error) error {
	if err == nil || unsigned == nil {
		return errors.Join(err, unsigned)
	}
	edge.PrintError(unsigned)
	return err
}
