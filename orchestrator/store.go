package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gymline/gymline/internal/audit/gc"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/check"
	"github.com/gymline/gymline/internal/store/folder"
	"github.com/gymline/gymline/internal/store/s3"
)

// An openStore is a profile's store, and what a job needs to open it too.
type openStore struct {
	*store.Store
	server string            // whose store it is, for people
	env    []engine.Variable // storeFromEnv reads them
	close  func() error
}

// openProfile opens a profile's store for reading and writing, beside removals.
func openProfile(ctx context.Context, edge *cli.Edge, p *experiment.Profile) (*openStore, error) {
	st, err := openAlone(ctx, edge, p)
	if err != nil {
		return nil, err
	}
	return besideRemovals(ctx, edge, st)
}

// openAlone opens it for who removes.
func openAlone(ctx context.Context, edge *cli.Edge, p *experiment.Profile) (*openStore, error) {
	f := p.Spec.Store.Folder
	if f == nil {
		st, err := openS3(ctx, edge, p.Spec.Store.S3, s3.Open)
		if err != nil {
			return nil, err
		}
		if err := check.Once(ctx, st.Bucket(), st.server, edge.Now()); err != nil {
			return nil, errors.Join(err, st.close())
		}
		return st, nil
	}
	dir, err := filepath.Abs(f.Path)
	if err != nil {
		return nil, fault.New(fault.Config, err, "give the store's folder by an absolute path")
	}
	bucket, err := folder.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := bucket.Sweep(ctx, edge.Now()); err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	return &openStore{store.New(bucket), dir, []engine.Variable{{Name: envFolder, Value: dir}}, bucket.Close}, nil
}

// besideRemovals has a store written to beside removals.
func besideRemovals(ctx context.Context, edge *cli.Edge, st *openStore) (*openStore, error) {
	b, err := watched(ctx, st.Bucket(), edge.Now)
	if err != nil {
		return nil, errors.Join(err, st.close())
	}
	st.Store = store.New(b)
	return st, nil
}

// Times that a test makes shorter: how often a process at work looks for removals, and how
// long one removes at least; 0: as gc has it.
var (
	lookEvery = gc.LookEvery
	sweepFor  time.Duration
)

// watched is a bucket beside removals. It is watched until the process ends.
func watched(ctx context.Context, b store.Bucket, now func() time.Time) (store.Bucket, error) {
	w, err := gc.Watch(ctx, b, gc.SystemClock(now), lookEvery)
	if err != nil {
		return nil, err
	}
	go w.Tend(ctx)
	return w.Bucket(), nil
}

var errNoStore = errors.New("there is no store")

// readProfile opens it for reading, beside runs that may be under way.
func readProfile(ctx context.Context, edge *cli.Edge, p *experiment.Profile) (*openStore, error) {
	f := p.Spec.Store.Folder
	if f == nil {
		return openS3(ctx, edge, p.Spec.Store.S3, s3.OpenExisting)
	}
	bucket, err := folder.OpenReadOnly(filepath.Clean(f.Path))
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.Config, fmt.Errorf("%w in %s", errNoStore, f.Path),
			"go to the folder where 'gymline run' was, or name the store with --profile")
	}
	if err != nil {
		return nil, err
	}
	return &openStore{Store: store.New(bucket), server: f.Path, close: bucket.Close}, nil
}

// opener is openProfile or readProfile.
type opener func(context.Context, *cli.Edge, *experiment.Profile) (*openStore, error)

// reading gives fn a profile's store for reading.
func reading(ctx context.Context, edge *cli.Edge, profile string, fn func(*store.Store) error) error {
	return opened(ctx, edge, profile, readProfile, fn)
}

func opened(ctx context.Context, edge *cli.Edge, profile string, open opener, fn func(*store.Store) error) error {
	p, err := loadProfile(profile)
	if err != nil {
		return err
	}
	st, err := open(ctx, edge, p)
	if err != nil {
		return err
	}
	return errors.Join(fn(st.Store), st.close())
}

// openedHere gives fn the store that the environment names, where no profile is
// told: the command then runs beside a job.
func openedHere(ctx context.Context, edge *cli.Edge, profile string, open opener, fn func(*store.Store) error) error {
	if profile != "" || edge.Getenv(envFolder) == "" && edge.Getenv(envEndpoint) == "" {
		return opened(ctx, edge, profile, open, fn)
	}
	st, err := storeFromEnv(ctx, edge.Getenv, edge.Now)
	if err != nil {
		return err
	}
	return fn(st)
}

// storeFromEnv opens the store of a job.
func storeFromEnv(ctx context.Context, getenv func(string) string, now func() time.Time) (*store.Store, error) {
	if dir := getenv(envFolder); dir != "" {
		bucket, err := folder.Open(dir)
		if err != nil {
			return nil, err
		}
		return besideRemovalsHere(ctx, now, bucket) // open until the process ends
	}
	c := s3FromEnv(getenv)
	if c.Endpoint == "" || c.Bucket == "" {
		return nil, fault.New(fault.Config, errors.New("a job needs a store: neither "+envFolder+" nor "+envEndpoint+" and "+envBucket+" are set"),
			"use 'gymline run', which starts jobs itself")
	}
	bucket, err := s3.Connect(c) // who opened the run has opened it
	if err != nil {
		return nil, err
	}
	return besideRemovalsHere(ctx, now, bucket)
}

// besideRemovalsHere is the store of a job. A trainer's keys may list nothing: what it hands in
// is of a run that is not sealed, and that no removal passes by.
func besideRemovalsHere(ctx context.Context, now func() time.Time, bucket store.Bucket) (*store.Store, error) {
	b, err := watched(ctx, bucket, now)
	if errors.Is(err, store.ErrDenied) {
		return store.New(bucket), nil
	}
	return store.New(b), err
}
