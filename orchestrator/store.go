package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/folder"
	"github.com/gymline/gymline/internal/store/s3"
)

// The environment that tells a job where its store is.
const (
	envFolder    = "GYMLINE_STORE_FOLDER" // an absolute path; else the store is on a server
	envEndpoint  = "GYMLINE_STORE_ENDPOINT"
	envBucket    = "GYMLINE_STORE_BUCKET"
	envPrefix    = "GYMLINE_STORE_PREFIX"
	envRegion    = "GYMLINE_STORE_REGION"
	envAccessKey = "AWS_ACCESS_KEY_ID"
	envSecretKey = "AWS_SECRET_ACCESS_KEY"
)

// An openStore is a profile's store, and what a job needs to open it too.
type openStore struct {
	*store.Store
	env   []engine.Variable // storeFromEnv reads them
	close func() error
}

// storeVariables tell a job of a store; endpoint, where it is set, is the server's
// as the job sees it.
func storeVariables(s *experiment.S3, endpoint string) []engine.Variable {
	return []engine.Variable{
		{Name: envEndpoint, Value: cmp.Or(endpoint, s.Endpoint)}, {Name: envBucket, Value: s.Bucket},
		{Name: envPrefix, Value: s.Prefix}, {Name: envRegion, Value: s.Region},
		{Name: envAccessKey, Secret: s.AccessKey.Env}, {Name: envSecretKey, Secret: s.SecretKey.Env},
	}
}

// openProfile opens a profile's store for reading and writing.
func openProfile(ctx context.Context, edge *cli.Edge, p *experiment.Profile) (*openStore, error) {
	f := p.Spec.Store.Folder
	if f == nil {
		return openS3(ctx, edge, p.Spec.Store.S3)
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
	return &openStore{store.New(bucket), []engine.Variable{{Name: envFolder, Value: dir}}, bucket.Close}, nil
}

var errNoStore = errors.New("there is no store")

// readProfile opens it for reading, beside runs that may be under way.
func readProfile(ctx context.Context, edge *cli.Edge, p *experiment.Profile) (*openStore, error) {
	f := p.Spec.Store.Folder
	if f == nil {
		return openS3(ctx, edge, p.Spec.Store.S3)
	}
	bucket, err := folder.OpenReadOnly(filepath.Clean(f.Path))
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.Config, fmt.Errorf("%w in %s", errNoStore, f.Path),
			"go to the folder where 'gymline run' was, or name the store with --profile")
	}
	if err != nil {
		return nil, err
	}
	return &openStore{Store: store.New(bucket), close: bucket.Close}, nil
}

func openS3(ctx context.Context, edge *cli.Edge, s *experiment.S3) (*openStore, error) {
	var missing []string
	for _, name := range []string{s.AccessKey.Env, s.SecretKey.Env} {
		if edge.Getenv(name) == "" {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return nil, fault.New(fault.Config, fmt.Errorf("the store's credentials: not set: %s", strings.Join(missing, ", ")),
			"export these environment variables, or name others in the profile")
	}
	bucket, err := s3.Open(ctx, s3.Config{
		Endpoint: s.Endpoint, Bucket: s.Bucket, Prefix: s.Prefix, Region: s.Region,
		AccessKey: edge.Getenv(s.AccessKey.Env), SecretKey: s3.Secret(edge.Getenv(s.SecretKey.Env)),
	})
	if err != nil {
		return nil, err
	}
	return &openStore{store.New(bucket), storeVariables(s, ""), func() error { bucket.Close(); return nil }}, nil
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
	st, err := storeFromEnv(ctx, edge.Getenv)
	if err != nil {
		return err
	}
	return fn(st)
}

// storeFromEnv opens the store of a job.
func storeFromEnv(ctx context.Context, getenv func(string) string) (*store.Store, error) {
	if dir := getenv(envFolder); dir != "" {
		bucket, err := folder.Open(dir)
		if err != nil {
			return nil, err
		}
		return store.New(bucket), nil // open until the process ends
	}
	c := s3.Config{
		Endpoint: getenv(envEndpoint), Bucket: getenv(envBucket), Prefix: getenv(envPrefix), Region: getenv(envRegion),
		AccessKey: getenv(envAccessKey), SecretKey: s3.Secret(getenv(envSecretKey)),
	}
	if c.Endpoint == "" || c.Bucket == "" {
		return nil, fault.New(fault.Config, errors.New("a job needs a store: neither "+envFolder+" nor "+envEndpoint+" and "+envBucket+" are set"),
			"use 'gymline run', which starts jobs itself")
	}
	bucket, err := s3.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	return store.New(bucket), nil
}
