//go:build !linux

package folder

import "os"

// renameNew is for systems that can rename without replacing.
func (b *Bucket) renameNew(string, string) error { return errLinkless }

// syncAll is for systems that can make a whole file system durable, and say so.
var syncAll func(*os.File) error
