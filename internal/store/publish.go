package store

import (
	"context"
	"fmt"
	"io"
	"io/fs"
)

// publishedList is the name of the list that stands beside published files.
const publishedList = "gymline.json"

// Publish copies artifacts to exports/<name>/<digest>/<artifact name>, as plain
// files for trainers, where <digest> is over the list of artifacts. The list
// itself is written last, as gymline.json: files beside it are complete.
// Publishing again writes the same bytes to the same keys.
func (s *Store) Publish(ctx context.Context, name string, artifacts []Artifact) error {
	if err := checkName("export", name); err != nil {
		return err
	}
	seen := map[string]bool{publishedList: true}
	for _, a := range artifacts {
		if !fs.ValidPath(a.Name) || seen[a.Name] {
			return fmt.Errorf("publish %s: %q cannot name a file of its own below the export", name, a.Name)
		}
		seen[a.Name] = true
	}
	list, err := encode(artifacts)
	if err != nil {
		return err
	}
	prefix := "exports/" + name + "/" + string(DigestOf(list)) + "/"
	for _, a := range artifacts {
		if err := s.publish(ctx, prefix+a.Name, a.Digest); err != nil {
			return fmt.Errorf("publish %s: %w", a.Name, err)
		}
	}
	return s.put(ctx, prefix+publishedList, list)
}

// publish writes a blob's decoded bytes to a key. They pass through a spool,
// because they are verified only at their end.
func (s *Store) publish(ctx context.Context, key string, d Digest) error {
	r, err := s.OpenBlob(ctx, d)
	if err != nil {
		return err
	}
	defer r.Close()
	var plain spool
	defer plain.free()
	if _, err := io.Copy(&plain, r); err != nil {
		return err
	}
	return plain.put(ctx, s.bucket, key)
}
