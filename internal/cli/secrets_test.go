package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/secrets"
)

// handedOver is the edge of a process whose parent gives it stdin.
func handedOver(env map[string]string, stdin string) *Edge {
	return &Edge{
		Getenv: func(name string) string { return env[name] },
		Setenv: func(name, value string) error { env[name] = value; return nil },
		Environ: func() (vars []string) {
			for name, value := range env {
				vars = append(vars, name+"="+value)
			}
			slices.Sort(vars)
			return vars
		},
		Stdin: strings.NewReader(stdin),
	}
}

// Keys from stdin are for this process alone: programs that it starts get none.
func TestSecretsAreTaken(t *testing.T) {
	packed := string(secrets.Pack([]string{"AWS_SECRET_ACCESS_KEY=a=b", "MODEL_KEY=x"}))
	e := handedOver(map[string]string{"PATH": "/bin", secrets.Variable: secrets.Stdin}, packed)
	if err := e.TakeSecrets(); err != nil {
		t.Fatal(err)
	}
	if a, b := e.Getenv("AWS_SECRET_ACCESS_KEY"), e.Getenv("MODEL_KEY"); a != "a=b" || b != "x" {
		t.Errorf("%q, %q", a, b)
	}
	if vars := e.Environ(); !slices.Equal(vars, []string{"PATH=/bin"}) {
		t.Errorf("programs get %q", vars)
	}

	e = handedOver(map[string]string{"MODEL_KEY": "mine"}, packed) // as in a pod
	if err := e.TakeSecrets(); err != nil || e.Getenv("MODEL_KEY") != "mine" || !slices.Equal(e.Environ(), []string{"MODEL_KEY=mine"}) {
		t.Errorf("%v, %q", err, e.Environ())
	}
	e = handedOver(map[string]string{secrets.Variable: secrets.Stdin}, "MODEL_KEY=cut")
	if err := e.TakeSecrets(); err == nil || fault.Hint(err) == "" || strings.Contains(err.Error(), "MODEL_KEY=") {
		t.Error(err)
	}
}
