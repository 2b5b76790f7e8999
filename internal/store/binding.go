package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// A Binding is a blob that a run's seal names. It ties everything that is recorded of the
// run to that one digest, and the run to the one before it.
type Binding struct {
	Format int   `json:"format"`
	Run    RunID `json:"run"`
	// Records are all of the run when it ended, sorted by key; but its seal, and that it is
	// alive.
	Records     []Bound           `json:"records"`
	Experiment  Digest            `json:"experiment,omitempty"` // as its record names them
	Profile     Digest            `json:"profile,omitempty"`
	Binary      *Binary           `json:"binary,omitempty"` // that sealed it
	Environment map[string]string `json:"environment,omitempty"`
	// Ledger are the segments of the models that the run asks, which are named by digest.
	Ledger []Segment `json:"ledger,omitempty"`
	// Previous are the sealed runs of the experiment that no such list had yet, as far as could
	// be seen, and Open those of lower numbers that were not sealed: they may be, later.
	Previous []Previous `json:"previous,omitempty"`
	Open     []RunID    `json:"open,omitempty"`
}

// ByKey are the sha256 of the records that it binds, by key.
func (b *Binding) ByKey() map[string]Digest {
	bound := make(map[string]Digest, len(b.Records))
	for _, r := range b.Records {
		bound[r.Key] = r.SHA256
	}
	return bound
}

// A Bound is a record as it was.
type Bound struct {
	Key    string `json:"key"`
	SHA256 Digest `json:"sha256"` // of its bytes as stored
	Bytes  int64  `json:"bytes"`
}

// A Segment is an object of the ledger.
type Segment struct {
	Key string `json:"key"`
}

// Previous is a sealed run of the same experiment before a run.
type Previous struct {
	Run     RunID  `json:"run"`
	Seal    Digest `json:"seal"`              // sha256 of its seal.json
	Binding Digest `json:"binding,omitempty"` // as that seal names it
}

// ReadBinding returns the binding that a run's seal names.
func (s *Store) ReadBinding(ctx context.Context, id RunID, d Digest) (b Binding, err error) {
	data, err := s.ReadBlob(ctx, d)
	if err != nil {
		return b, fmt.Errorf("binding of run %s: %w", id, err)
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return b, fmt.Errorf("binding of run %s: blob %s: %w", id, d, err)
	}
	if b.Format != FormatVersion || b.Run != id {
		return b, fmt.Errorf("blob %s is no binding of run %s that this gymline reads: it says format %d, run %s", d, id, b.Format, b.Run)
	}
	return b, nil
}

// Bind reads a record as it is stored.
func (s *Store) Bind(ctx context.Context, key string) (Bound, error) {
	r, err := s.bucket.Get(ctx, key)
	if err != nil {
		return Bound{}, err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	return Bound{key, sumOf(h), n}, err
}

// BindSeal reads a run's seal as it is stored.
func (s *Store) BindSeal(ctx context.Context, id RunID) (Bound, error) {
	key, err := Seal{Run: id}.key()
	if err != nil {
		return Bound{}, err
	}
	return s.Bind(ctx, key)
}

// BoundKeys are the keys of a run's records that a binding holds, as they are now.
func (s *Store) BoundKeys(ctx context.Context, id RunID) (keys []string, err error) {
	prefix, err := runKey(id, "")
	if err != nil {
		return nil, err
	}
	for key, err := range s.bucket.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		if rest := strings.TrimPrefix(key, prefix); rest != "seal.json" && rest != "alive.json" {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// SpendKeys are the keys of an account's entries.
func (s *Store) SpendKeys(ctx context.Context, account RunID) (keys []string, err error) {
	prefix, err := runKey(account, "spend/")
	if err != nil {
		return nil, err
	}
	for key, err := range s.bucket.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}
