package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxRecord bounds a record's size in bytes, so that a damaged one cannot fill memory.
const maxRecord = 64 << 20

// A Store keeps blobs and records in a bucket.
type Store struct {
	bucket    Bucket
	withdrawn withdrawals
}

// New returns the store in a bucket.
func New(b Bucket) *Store { return &Store{bucket: b} }

// Bucket returns the bucket under the store, for what keeps objects of its own there.
func (s *Store) Bucket() Bucket { return s.bucket }

// CreateRun opens a run; ErrExists means that the ID is taken.
func (s *Store) CreateRun(ctx context.Context, r Run) error {
	r.Format = FormatVersion
	return s.create(ctx, r)
}

// ReadRun returns a run's record, or ErrNotFound.
func (s *Store) ReadRun(ctx context.Context, id RunID) (Run, error) {
	return read(ctx, s, Run{ID: id})
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
	return s.ReadObject(ctx, key)
}

// CommitStep records a finished shard, once; ErrExists means that another
// attempt was first, and then its record holds.
func (s *Store) CommitStep(ctx context.Context, r Step) error {
	r.Format = FormatVersion
	return s.create(ctx, r)
}

// ReadStep returns a finished shard's record, or ErrNotFound.
func (s *Store) ReadStep(ctx context.Context, id RunID, step StepName, shard int) (Step, error) {
	return read(ctx, s, Step{Run: id, Step: step, Shard: shard})
}

// PutMemo makes a finished shard findable by its work key.
func (s *Store) PutMemo(ctx context.Context, r Step) error {
	r.Format = FormatVersion
	return s.replace(ctx, memo(r))
}

// StepAsStored returns the record with the sha256 of its bytes.
func (s *Store) StepAsStored(ctx context.Context, id RunID, step StepName, shard int) (Step, Digest, error) {
	return readSum(ctx, s, Step{Run: id, Step: step, Shard: shard})
}

// MemoAsStored returns a memo with the sha256 of its bytes, which are those of the step
// record that it is a copy of.
func (s *Store) MemoAsStored(ctx context.Context, work WorkKey) (Step, Digest, error) {
	r, sum, err := readSum(ctx, s, memo{WorkKey: work})
	return Step(r), sum, err
}

// ReadMemo returns the record of finished work with that key, or ErrNotFound.
func (s *Store) ReadMemo(ctx context.Context, work WorkKey) (Step, error) {
	r, err := read(ctx, s, memo{WorkKey: work})
	return Step(r), err
}

// PutCheckpoint records a trained model that came back, once for a run and a
// name; ErrExists means that another one was first, and then its record holds.
func (s *Store) PutCheckpoint(ctx context.Context, c Checkpoint) error {
	c.Format = FormatVersion
	return s.create(ctx, c)
}

// ReadCheckpoint returns the record of a trained model, or ErrNotFound.
func (s *Store) ReadCheckpoint(ctx context.Context, id RunID, name string) (Checkpoint, error) {
	return read(ctx, s, Checkpoint{Run: id, Name: name})
}

// Removed reports whether there is word that a run was removed.
func (s *Store) Removed(ctx context.Context, id RunID) (bool, error) {
	if err := checkName("run", string(id)); err != nil {
		return false, err
	}
	_, err := s.bucket.Stat(ctx, "removed/"+string(id)+".json")
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SealRun ends a run, once.
func (s *Store) SealRun(ctx context.Context, seal Seal) error {
	seal.Format = FormatVersion
	return s.create(ctx, seal)
}

// ReadSeal returns a run's seal, or ErrNotFound.
func (s *Store) ReadSeal(ctx context.Context, id RunID) (Seal, error) {
	return read(ctx, s, Seal{Run: id})
}

// create writes a record, once.
func (s *Store) create(ctx context.Context, r record) error {
	key, data, err := object(r)
	if err != nil {
		return err
	}
	return s.bucket.Create(ctx, key, data)
}

// replace writes a record, in place of one that may be there.
func (s *Store) replace(ctx context.Context, r record) error {
	key, data, err := object(r)
	if err != nil {
		return err
	}
	return s.put(ctx, key, data)
}

func object(r record) (key string, data []byte, err error) {
	if key, err = r.key(); err != nil {
		return "", nil, err
	}
	if data, err = encode(r); err != nil {
		return "", nil, err
	}
	return key, data, fits(key, data)
}

func encode(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return nil, fmt.Errorf("store: encode %T: %w", v, err)
	}
	return append(data, '\n'), nil
}

func (s *Store) put(ctx context.Context, key string, data []byte) error {
	if err := fits(key, data); err != nil {
		return err
	}
	return s.bucket.Put(ctx, key, bytes.NewReader(data), int64(len(data)))
}

// ReadObject returns an object as it is stored, of at most a record's size.
func (s *Store) ReadObject(ctx context.Context, key string) ([]byte, error) {
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

// An unreadable record is an ErrUnreadable that says what is wrong with it.
type unreadable struct {
	key string
	err error
}

func (u *unreadable) Error() string        { return fmt.Sprintf("store: get %s: %v", u.key, u.err) }
func (u *unreadable) Unwrap() error        { return u.err }
func (u *unreadable) Is(target error) bool { return target == ErrUnreadable }

// read returns the record at want's key. It refuses one that says it is another,
// such as a file that was copied to a second place.
func read[R record](ctx context.Context, s *Store, want R) (got R, err error) {
	got, _, err = readBytes(ctx, s, want)
	return got, err
}

// readSum also returns the sha256 of its bytes.
func readSum[R record](ctx context.Context, s *Store, want R) (got R, sum Digest, err error) {
	got, data, err := readBytes(ctx, s, want)
	return got, DigestOf(data), err
}

func readBytes[R record](ctx context.Context, s *Store, want R) (got R, data []byte, err error) {
	key, err := want.key()
	if err != nil {
		return got, nil, err
	}
	r, err := s.bucket.Get(ctx, key)
	if err != nil {
		return got, nil, err
	}
	defer r.Close()
	if data, err = io.ReadAll(io.LimitReader(r, maxRecord+1)); err != nil {
		return got, nil, err
	}
	got, err = decode[R](key, data)
	if err != nil {
		return got, data, &unreadable{key, err}
	}
	return got, data, nil
}

func decode[R record](key string, data []byte) (got R, err error) {
	if len(data) > maxRecord {
		return got, fmt.Errorf("a record of more than %d bytes", maxRecord)
	}
	// The format first: a later one may decode into nothing that is known here.
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return got, fmt.Errorf("damaged record: %w", err)
	}
	if head.Format < 1 || head.Format > FormatVersion {
		return got, fmt.Errorf("format %d, and this gymline reads 1 to %d: use a newer gymline", head.Format, FormatVersion)
	}
	if err := json.Unmarshal(data, &got); err != nil {
		return got, fmt.Errorf("damaged record: %w", err)
	}
	if own, err := got.key(); err != nil || own != key {
		return got, errors.New("the record is another one's: it was moved or altered")
	}
	return got, nil
}
