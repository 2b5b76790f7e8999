package main

import (
	"context"
	"errors"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/store"
)

// reading opens a profile's store for reading.
func reading(ctx context.Context, edge *cli.Edge, profile string, fn func(*store.Store) error) error {
	p, err := loadProfile(profile)
	if err != nil {
		return err
	}
	st, err := readProfile(ctx, edge, p)
	if err != nil {
		return err
	}
	return errors.Join(fn(st.Store), st.close())
}

// fromEnv reports whether the environment names the store: a command that is told
// of no profile then runs beside a job.
func fromEnv(edge *cli.Edge, profile string) bool {
	return profile == "" && (edge.Getenv(envFolder) != "" || edge.Getenv(envEndpoint) != "")
}

// readingHere opens for reading the store of a profile or of the environment.
func readingHere(ctx context.Context, edge *cli.Edge, profile string, fn func(*store.Store) error) error {
	if !fromEnv(edge, profile) {
		return reading(ctx, edge, profile, fn)
	}
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return err
	}
	return fn(st)
}
