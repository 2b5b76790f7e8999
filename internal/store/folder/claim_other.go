//go:build !linux

package folder

// renameNew is for systems that can rename without replacing.
func (b *Bucket) renameNew(string, string) error { return errLinkless }
