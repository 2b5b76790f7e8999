package main

import (
	"slices"
	"testing"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/run"
)

// A session token goes with the key that it belongs to, and with no other.
func TestTheTokenOfAKey(t *testing.T) {
	keys := experiment.S3{AccessKey: &experiment.SecretRef{Env: "AK"}, SecretKey: &experiment.SecretRef{Env: "SK"}}
	named := keys
	named.SessionToken = &experiment.SecretRef{Env: "ST"}
	for name, c := range map[string]struct {
		store experiment.S3
		env   map[string]string
		want  string
	}{
		"none":              {keys, map[string]string{"AK": "a"}, ""},
		"named":             {named, map[string]string{"AK": "a", "ST": "t", envSessionToken: "u"}, "ST"},
		"of no key":         {keys, map[string]string{"AK": "a", envSessionToken: "t"}, envSessionToken},
		"of this key":       {keys, map[string]string{"AK": "a", envAccessKey: "a", envSessionToken: "t"}, envSessionToken},
		"of another key":    {keys, map[string]string{"AK": "a", envAccessKey: "b", envSessionToken: "t"}, ""},
		"of keys not named": {experiment.S3{}, map[string]string{envAccessKey: "a", envSessionToken: "t"}, ""},
	} {
		edge := &cli.Edge{Getenv: func(name string) string { return c.env[name] }}
		token := tokenVariable(edge, &c.store)
		passed := slices.Contains(storeVariables(&c.store, "", token), engine.Variable{Name: envSessionToken, Secret: c.want})
		if token != c.want || passed != (c.want != "") {
			t.Errorf("%s: %q, want %q; passed on: %v", name, token, c.want, passed)
		}
	}
}

// A pod gets the token that the profile names, or that its secrets have.
func TestTheTokenOfAPod(t *testing.T) {
	profile := &experiment.Profile{Spec: experiment.ProfileSpec{Argo: &experiment.Argo{Secrets: map[string]experiment.KubeSecret{}}}}
	profile.Spec.Store.S3 = &experiment.S3{AccessKey: &experiment.SecretRef{Env: "AK"}, SecretKey: &experiment.SecretRef{Env: "SK"}}
	passed := func() string {
		for _, v := range argoConfig(profile, run.Execution{}, "").Env(nil) {
			if v.Name == envSessionToken {
				return v.Secret
			}
		}
		return ""
	}
	if got := passed(); got != "" {
		t.Error(got)
	}
	profile.Spec.Argo.Secrets[envSessionToken] = experiment.KubeSecret{Name: "s", Key: "k"}
	if got := passed(); got != envSessionToken {
		t.Error(got)
	}
	profile.Spec.Store.S3.SessionToken = &experiment.SecretRef{Env: "ST"}
	if got := passed(); got != "ST" {
		t.Error(got)
	}
}
