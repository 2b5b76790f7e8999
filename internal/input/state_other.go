//go:build !linux && !darwin

package input

import "io/fs"

// stateOf knows nothing where files have no time that programs cannot set.
func stateOf(fs.FileInfo) (state, bool) { return state{}, false }
