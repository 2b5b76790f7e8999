package cli

import (
	"fmt"
	"slices"
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
		kept := slices.DeleteFunc(slices.Clone(e.Environ()), func(v string) bool { return strings.HasPrefix(v, secrets.Variable+"=") })
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
