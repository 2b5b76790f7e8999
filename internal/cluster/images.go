package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// keepWithin bounds what is done for the record alone.
const keepWithin = 20 * time.Second

// keepImages records what a run's pods ran in, once they have all ended: the
// cluster forgets it with them. It is a help and no part of the run: that it cannot
// be had, or written, changes nothing.
func (c Cluster) keepImages(ctx context.Context, id store.RunID) {
	ctx, cancel := context.WithTimeout(ctx, keepWithin)
	defer cancel()
	if there, err := c.Runs.Images(ctx, id); len(there) > 0 || errors.Is(err, store.ErrUnreadable) {
		return
	}
	if images, err := c.Client.Images(ctx, id); err == nil && len(images) > 0 {
		_ = c.Runs.PutImages(ctx, id, images)
	}
}
