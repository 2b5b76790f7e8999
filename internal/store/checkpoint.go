package store

import "context"

// PutCheckpoint records a trained model that came back, once for a run and a
// name; ErrExists means that another one was first, and then its record holds.
func (s *Store) PutCheckpoint(ctx context.Context, c Checkpoint) error {
	c.Format = FormatVersion
	key, err := checkpointKey(c.Run, c.Name)
	if err != nil {
		return err
	}
	return s.create(ctx, key, c)
}

// ReadCheckpoint returns the record of a trained model, or ErrNotFound.
func (s *Store) ReadCheckpoint(ctx context.Context, id RunID, name string) (Checkpoint, error) {
	key, err := checkpointKey(id, name)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := read[Checkpoint](ctx, s, key)
	return c, belongs(err, key, c.Run == id && c.Name == name)
}

func checkpointKey(id RunID, name string) (string, error) {
	if err := checkName("checkpoint", name); err != nil {
		return "", err
	}
	return runKey(id, "checkpoints/"+name+".json")
}
