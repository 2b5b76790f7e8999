package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// maxRecord bounds a record's size in bytes, so that a damaged one cannot fill memory.
const maxRecord = 64 << 20

// A Store keeps blobs and records in a bucket.
type Store struct{ bucket Bucket }

// New returns the store in a bucket.
func New(b Bucket) *Store { return &Store{bucket: b} }

// Bucket returns the bucket under the store, for what keeps objects of its own there.
func (s *Store) Bucket() Bucket { return s.bucket }

// CreateRun opens a run; ErrExists means that the ID is taken.
func (s *Store) CreateRun(ctx context.Context, r Run) error {
	r.Format = FormatVersion
	key, err := runKey(r.ID, "run.json")
	if err != nil {
		return err
	}
	return s.create(ctx, key, r)
}

// ReadRun returns a run's record, or ErrNotFound.
func (s *Store) ReadRun(ctx context.Context, id RunID) (Run, error) {
	key, err := runKey(id, "run.json")
	if err != nil {
		return Run{}, err
	}
	r, err := read[Run](ctx, s, key)
	return r, belongs(err, key, r.ID == id)
}

// Runs returns the IDs of all runs, by name and then number.
func (s *Store) Runs(ctx context.Context) ([]RunID, error) {
	var ids []RunID
	for key, err := range s.bucket.List(ctx, "runs/") {
		if err != nil {
			return nil, err
		}
		if id, ok := strings.CutSuffix(strings.TrimPrefix(key, "runs/"), "/run.json"); ok && checkName("run", id) == nil {
			ids = append(ids, RunID(id))
		}
	}
	sortRuns(ids)
	return ids, nil
}

// PutPlan stores a run's plan; the same bytes may be put again.
func (s *Store) PutPlan(ctx context.Context, id RunID, plan []byte) error {
	key, err := runKey(id, "plan.json")
	if err != nil {
		return err
	}
	return s.put(ctx, key, plan)
}

// ReadPlan returns a run's plan as it was put, or ErrNotFound.
func (s *Store) ReadPlan(ctx context.Context, id RunID) ([]byte, error) {
	key, err := runKey(id, "plan.json")
	if err != nil {
		return nil, err
	}
	return s.get(ctx, key)
}

// CommitStep records a finished shard, once; ErrExists means that another
// attempt was first, and then its record holds.
func (s *Store) CommitStep(ctx context.Context, r Step) error {
	r.Format = FormatVersion
	key, err := stepKey(r.Run, r.Step, r.Shard)
	if err != nil {
		return err
	}
	return s.create(ctx, key, r)
}

// ReadStep returns a finished shard's record, or ErrNotFound.
func (s *Store) ReadStep(ctx context.Context, id RunID, step StepName, shard int) (Step, error) {
	key, err := stepKey(id, step, shard)
	if err != nil {
		return Step{}, err
	}
	r, err := read[Step](ctx, s, key)
	return r, belongs(err, key, r.Run == id && r.Step == step && r.Shard == shard)
}

// PutMemo makes a finished shard findable by its work key.
func (s *Store) PutMemo(ctx context.Context, r Step) error {
	r.Format = FormatVersion
	key, err := memoKey(r.WorkKey)
	if err != nil {
		return err
	}
	data, err := encode(r)
	if err != nil {
		return err
	}
	return s.put(ctx, key, data)
}

// ReadMemo returns the record of finished work with that key, or ErrNotFound.
func (s *Store) ReadMemo(ctx context.Context, work WorkKey) (Step, error) {
	key, err := memoKey(work)
	if err != nil {
		return Step{}, err
	}
	r, err := read[Step](ctx, s, key)
	return r, belongs(err, key, r.WorkKey == work)
}

// SealRun ends a run, once.
func (s *Store) SealRun(ctx context.Context, seal Seal) error {
	seal.Format = FormatVersion
	key, err := runKey(seal.Run, "seal.json")
	if err != nil {
		return err
	}
	return s.create(ctx, key, seal)
}

// ReadSeal returns a run's seal, or ErrNotFound.
func (s *Store) ReadSeal(ctx context.Context, id RunID) (Seal, error) {
	key, err := runKey(id, "seal.json")
	if err != nil {
		return Seal{}, err
	}
	r, err := read[Seal](ctx, s, key)
	return r, belongs(err, key, r.Run == id)
}

func encode(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return nil, fmt.Errorf("store: encode %T: %w", v, err)
	}
	return append(data, '\n'), nil
}

func (s *Store) create(ctx context.Context, key string, v any) error {
	data, err := encode(v)
	if err != nil {
		return err
	}
	if err := fits(key, data); err != nil {
		return err
	}
	return s.bucket.Create(ctx, key, data)
}

func (s *Store) put(ctx context.Context, key string, data []byte) error {
	if err := fits(key, data); err != nil {
		return err
	}
	return s.bucket.Put(ctx, key, bytes.NewReader(data), int64(len(data)))
}

func (s *Store) get(ctx context.Context, key string) ([]byte, error) {
	r, err := s.bucket.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxRecord+1))
	if err != nil {
		return nil, err
	}
	return data, fits(key, data)
}

func fits(key string, data []byte) error {
	if len(data) > maxRecord {
		return fmt.Errorf("store: %s: a record of more than %d bytes", key, maxRecord)
	}
	return nil
}

// read decodes a record. Its format is looked at first, because a later one may
// decode into nothing that is known here.
func read[T any](ctx context.Context, s *Store, key string) (record T, err error) {
	data, err := s.get(ctx, key)
	if err != nil {
		return record, err
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return record, fmt.Errorf("store: get %s: damaged record: %w", key, err)
	}
	if head.Format < 1 || head.Format > FormatVersion {
		return record, fmt.Errorf("store: get %s: format %d, and this gymline reads 1 to %d: use a newer gymline", key, head.Format, FormatVersion)
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return record, fmt.Errorf("store: get %s: damaged record: %w", key, err)
	}
	return record, nil
}

// belongs refuses a record that says it is another one, such as a file that was
// copied to a second place.
func belongs(err error, key string, same bool) error {
	if err == nil && !same {
		return fmt.Errorf("store: get %s: the record is another one's: it was moved or altered", key)
	}
	return err
}
