package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/s3"
)

// The environment that tells a job where its store is.
const (
	envFolder       = "GYMLINE_STORE_FOLDER" // an absolute path; else the store is on a server
	envEndpoint     = "GYMLINE_STORE_ENDPOINT"
	envBucket       = "GYMLINE_STORE_BUCKET"
	envPrefix       = "GYMLINE_STORE_PREFIX"
	envRegion       = "GYMLINE_STORE_REGION"
	envAccessKey    = "AWS_ACCESS_KEY_ID"
	envSecretKey    = "AWS_SECRET_ACCESS_KEY"
	envSessionToken = "AWS_SESSION_TOKEN"
	envSTS          = "AWS_ENDPOINT_URL_STS"
)

// identityVariables are where S3 clients look for keys that no profile names.
var identityVariables = []string{
	envAccessKey, envSecretKey, envSessionToken, "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_REGION",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", envSTS,
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
}

// storeVariables tell a job of a store; endpoint, where it is set, is the server's
// as the job sees it, and token the variable that holds a session token.
func storeVariables(s *experiment.S3, endpoint, token string) []engine.Variable {
	vars := []engine.Variable{
		{Name: envEndpoint, Value: cmp.Or(endpoint, s.Endpoint)}, {Name: envBucket, Value: s.Bucket},
		{Name: envPrefix, Value: s.Prefix}, {Name: envRegion, Value: s.Region},
	}
	if s.AccessKey != nil && s.SecretKey != nil {
		vars = append(vars, engine.Variable{Name: envAccessKey, Secret: s.AccessKey.Env}, engine.Variable{Name: envSecretKey, Secret: s.SecretKey.Env})
	}
	if token != "" {
		vars = append(vars, engine.Variable{Name: envSessionToken, Secret: token})
	}
	return vars
}

// tokenVariable names the variable that holds the session token of a store's keys,
// "" where there is none. AWS_SESSION_TOKEN belongs to AWS_ACCESS_KEY_ID: where that
// is another key, so is the token another one's.
func tokenVariable(edge *cli.Edge, s *experiment.S3) string {
	if s.SessionToken != nil {
		return s.SessionToken.Env
	}
	if s.AccessKey == nil || edge.Getenv(envSessionToken) == "" {
		return ""
	}
	if id := edge.Getenv(envAccessKey); id != "" && id != edge.Getenv(s.AccessKey.Env) {
		return ""
	}
	return envSessionToken
}

func openS3(ctx context.Context, edge *cli.Edge, s *experiment.S3, open func(context.Context, s3.Config) (*s3.Bucket, error)) (*openStore, error) {
	var missing []string
	for _, key := range []*experiment.SecretRef{s.AccessKey, s.SecretKey, s.SessionToken} {
		if key != nil && edge.Getenv(key.Env) == "" {
			missing = append(missing, key.Env)
		}
	}
	if missing != nil {
		return nil, fault.New(fault.Config, fmt.Errorf("the store's credentials: not set: %s", strings.Join(missing, ", ")),
			"export these environment variables, or name others in the profile")
	}
	token := tokenVariable(edge, s)
	vars := storeVariables(s, "", token)
	c := s3.Config{Endpoint: s.Endpoint, Bucket: s.Bucket, Prefix: s.Prefix, Region: s.Region, STS: edge.Getenv(envSTS)}
	if s.AccessKey != nil && s.SecretKey != nil {
		c.AccessKey, c.SecretKey = edge.Getenv(s.AccessKey.Env), s3.Secret(edge.Getenv(s.SecretKey.Env))
		if token != "" {
			c.SessionToken = s3.Secret(edge.Getenv(token))
		}
	} else {
		for _, name := range identityVariables {
			if edge.Getenv(name) != "" {
				vars = append(vars, engine.Variable{Name: name, Secret: name})
			}
		}
	}
	bucket, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	server := strings.TrimSuffix(fmt.Sprintf("%s/%s/%s", strings.TrimSuffix(s.Endpoint, "/"), s.Bucket, strings.Trim(s.Prefix, "/")), "/")
	return &openStore{store.New(bucket), server, vars, func() error { bucket.Close(); return nil }}, nil
}

// s3FromEnv is what storeVariables told.
func s3FromEnv(getenv func(string) string) s3.Config {
	c := s3.Config{
		Endpoint: getenv(envEndpoint), Bucket: getenv(envBucket), Prefix: getenv(envPrefix), Region: getenv(envRegion),
		AccessKey: getenv(envAccessKey), SecretKey: s3.Secret(getenv(envSecretKey)), STS: getenv(envSTS),
	}
	if c.AccessKey != "" {
		c.SessionToken = s3.Secret(getenv(envSessionToken))
	}
	return c
}
