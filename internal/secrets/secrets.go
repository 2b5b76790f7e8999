// Package secrets keeps the keys of a run from what runs beside it. A child gets
// them over a pipe, its standard input, and not in its environment, which others can
// read in a list of processes or in /proc; and a process that holds keys closes
// itself to others of its user. Root can read every process all the same.
package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Variable tells a child, by the value Stdin, that its keys come over the pipe.
const (
	Variable = "GYMLINE_SECRETS"
	Stdin    = "stdin"
)

// Pack is what goes through the pipe for variables, each NAME=value.
func Pack(vars []string) []byte {
	var b bytes.Buffer
	for _, v := range vars {
		b.WriteString(v)
		b.WriteByte(0)
	}
	return b.Bytes()
}

// Unpack reads what Pack made. Its errors tell nothing of what was read.
func Unpack(r io.Reader) ([]string, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read the keys from stdin: %w", err)
	}
	if len(data) == 0 {
		return nil, nil
	}
	if data[len(data)-1] != 0 {
		return nil, errors.New("read the keys from stdin: they are cut short")
	}
	vars := strings.Split(string(data[:len(data)-1]), "\x00")
	for i, v := range vars {
		if name, _, ok := strings.Cut(v, "="); !ok || name == "" {
			return nil, fmt.Errorf("read the keys from stdin: the %d. is not NAME=value", i+1)
		}
	}
	return vars, nil
}
