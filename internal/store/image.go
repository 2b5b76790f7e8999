package store

import (
	"context"
	"errors"
)

// An Image is what a container of a step's pods ran in, as the cluster says.
type Image struct {
	Step      StepName `json:"step"`
	Container string   `json:"container"`
	Image     string   `json:"image"` // the reference that was asked for
	// Digest is "sha256:…": the manifest's, or the configuration's where an image came
	// to its node without a registry.
	Digest string `json:"digest"`
}

// imagesRecord is a run's images as they are stored.
type imagesRecord struct {
	Format int     `json:"format"`
	Run    RunID   `json:"run"`
	Images []Image `json:"images"`
}

func (r imagesRecord) key() (string, error) { return runKey(r.Run, "images.json") }

// PutImages records what a run's pods ran in, once. ErrExists means that somebody
// was first.
func (s *Store) PutImages(ctx context.Context, id RunID, images []Image) error {
	return s.create(ctx, imagesRecord{FormatVersion, id, images})
}

// Images returns what a run's pods ran in; none where nobody has looked.
func (s *Store) Images(ctx context.Context, id RunID) ([]Image, error) {
	r, err := read(ctx, s, imagesRecord{Run: id})
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return r.Images, err
}
