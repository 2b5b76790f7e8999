package main

import (
	"context"
	"errors"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/store"
)

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
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return err
	}
	return fn(st)
}
