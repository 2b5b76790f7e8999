package cli

import (
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/secrets"
)

// TakeSecrets takes the keys that a parent hands over on stdin, if it does, for
// Getenv. They never come into what Environ gives to programs of the user's, nor
// into the environment that other processes see of this one, which is the one that
// it was started with.
func (e *Edge) TakeSecrets() error {
	if e.Getenv(secrets.Variable) != secrets.Stdin {
		return nil
	}
	vars, err := secrets.Unpack(e.Stdin)
	if err != nil {
		return fault.New(fault.Internal, err, "'gymline run' writes them; who starts a job otherwise puts its keys into the environment, without "+secrets.Variable)
	}
	if e.Environ != nil {
		kept := without(e.Environ(), secrets.Variable)
		e.Environ = func() []string { return kept }
	}
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		if err := e.Setenv(name, value); err != nil {
			return fault.New(fault.Internal, fmt.Errorf("take the key %s: %w", name, err), "")
		}
	}
	return nil
}

// without returns the variables but for one.
func without(vars []string, name string) (kept []string) {
	for _, v := range vars {
		if !strings.HasPrefix(v, name+"=") {
			kept = append(kept, v)
		}
	}
	return kept
}
