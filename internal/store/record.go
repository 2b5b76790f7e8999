package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// FormatVersion is written into every record; FORMAT.md lists the changes.
const FormatVersion = 1

// maxRecord bounds a record's size in bytes, so that a damaged one cannot fill memory.
const maxRecord = 64 << 20

// RunID names a run: the experiment's name and a number, e.g. "quickstart-3".
type RunID string

// StepName names a step of a plan, e.g. "generate".
type StepName string

// WorkKey identifies a piece of work by everything that its outputs depend on.
type WorkKey string

// An Artifact is a named output of a step, or an input that was read.
type Artifact struct {
	Name      string `json:"name"` // "episodes.jsonl"
	Digest    Digest `json:"digest"`
	Bytes     int64  `json:"bytes"` // decoded
	Rows      int64  `json:"rows,omitempty"`
	MediaType string `json:"mediaType"`
}

// A Run is written once, when the run opens.
type Run struct {
	Format     int             `json:"format"`
	ID         RunID           `json:"run"`
	Experiment string          `json:"experiment"` // its name
	Digest     Digest          `json:"experimentDigest"`
	Plan       Digest          `json:"planDigest"`
	Inputs     map[string]Tree `json:"inputs,omitempty"`
	Created    string          `json:"created"` // RFC 3339, UTC
	Version    string          `json:"gymlineVersion"`
	Fresh      bool            `json:"fresh,omitempty"`
	// Execution holds what says how, not what: it never reaches a work key.
	Execution json.RawMessage `json:"execution,omitempty"`
}

// A Tree names the digest of a blob that lists an input's files.
type Tree struct {
	Digest Digest `json:"digest"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
}

// A TreeFile is one file of a Tree's blob, which is a JSON array sorted by path.
type TreeFile struct {
	Path   string `json:"path"` // slash-separated, relative
	Digest Digest `json:"digest"`
	Bytes  int64  `json:"bytes"`
}

// A Step is the record of one finished shard: it exists when the work is done.
type Step struct {
	Format  int        `json:"format"`
	Run     RunID      `json:"run"`
	Step    StepName   `json:"step"`
	Shard   int        `json:"shard"`
	WorkKey WorkKey    `json:"workKey"`
	Reused  bool       `json:"reused"` // outputs were found by work key, not made
	Inputs  []Artifact `json:"inputs"`
	Outputs []Artifact `json:"outputs"`
	// Started and Finished are RFC 3339, UTC; Usage is free-form accounting.
	Started  string          `json:"started"`
	Finished string          `json:"finished"`
	Usage    json.RawMessage `json:"usage,omitempty"`
}

// A Seal ends a run. It is written once; a run without one was interrupted or is under way.
type Seal struct {
	Format   int       `json:"format"`
	Run      RunID     `json:"run"`
	State    string    `json:"state"` // "Succeeded", "Failed", "Interrupted"
	Failures []Failure `json:"failures,omitempty"`
	Finished string    `json:"finished"`
}

// A Failure says why a shard of a step failed.
type Failure struct {
	Step     StepName `json:"step"`
	Shard    int      `json:"shard"`
	ExitCode int      `json:"exitCode"`
	Cause    string   `json:"cause"`
	Hint     string   `json:"hint,omitempty"`
}

// A Store keeps blobs and records in a bucket.
type Store struct{ bucket Bucket }

// New returns the store in a bucket.
func New(b Bucket) *Store { return &Store{bucket: b} }

// Bucket returns the bucket under the store, for what keeps objects of its own there.
func (s *Store) Bucket() Bucket { return s.bucket }

func runKey(id RunID, rest string) string { return "runs/" + string(id) + "/" + rest }
func stepKey(id RunID, step StepName, shard int) string {
	return runKey(id, "steps/"+string(step)+"/"+strconv.Itoa(shard)+".json")
}

// CreateRun opens a run; ErrExists means that the ID is taken.
func (s *Store) CreateRun(ctx context.Context, r Run) error {
	r.Format = FormatVersion
	return s.create(ctx, runKey(r.ID, "run.json"), r)
}

// ReadRun returns a run's record.
func (s *Store) ReadRun(ctx context.Context, id RunID) (r Run, err error) {
	return r, s.read(ctx, runKey(id, "run.json"), &r)
}

// Runs returns the IDs of all runs, by name and then number.
func (s *Store) Runs(ctx context.Context) ([]RunID, error) {
	var ids []RunID
	for key, err := range s.bucket.List(ctx, "runs/") {
		if err != nil {
			return nil, err
		}
		if id, ok := strings.CutSuffix(strings.TrimPrefix(key, "runs/"), "/run.json"); ok {
			ids = append(ids, RunID(id))
		}
	}
	sortRuns(ids)
	return ids, nil
}

// PutPlan stores a run's plan; the same bytes may be put again.
func (s *Store) PutPlan(ctx context.Context, id RunID, plan []byte) error {
	return s.put(ctx, runKey(id, "plan.json"), plan)
}

// ReadPlan returns a run's plan as it was put.
func (s *Store) ReadPlan(ctx context.Context, id RunID) ([]byte, error) {
	return s.get(ctx, runKey(id, "plan.json"))
}

// CommitStep records a finished shard, once; ErrExists means that another
// attempt was first, and then its record holds.
func (s *Store) CommitStep(ctx context.Context, r Step) error {
	r.Format = FormatVersion
	return s.create(ctx, stepKey(r.Run, r.Step, r.Shard), r)
}

// ReadStep returns a finished shard's record, or ErrNotFound.
func (s *Store) ReadStep(ctx context.Context, id RunID, step StepName, shard int) (r Step, err error) {
	return r, s.read(ctx, stepKey(id, step, shard), &r)
}

// PutMemo makes a finished shard findable by its work key.
func (s *Store) PutMemo(ctx context.Context, r Step) error {
	r.Format = FormatVersion
	data, err := encode(r)
	if err != nil {
		return err
	}
	return s.put(ctx, "memo/"+string(r.WorkKey)+".json", data)
}

// ReadMemo returns the record of finished work with that key, or ErrNotFound.
func (s *Store) ReadMemo(ctx context.Context, key WorkKey) (r Step, err error) {
	return r, s.read(ctx, "memo/"+string(key)+".json", &r)
}

// SealRun ends a run, once.
func (s *Store) SealRun(ctx context.Context, seal Seal) error {
	seal.Format = FormatVersion
	return s.create(ctx, runKey(seal.Run, "seal.json"), seal)
}

// ReadSeal returns a run's seal, or ErrNotFound.
func (s *Store) ReadSeal(ctx context.Context, id RunID) (r Seal, err error) {
	return r, s.read(ctx, runKey(id, "seal.json"), &r)
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
	return s.bucket.Create(ctx, key, data)
}

func (s *Store) put(ctx context.Context, key string, data []byte) error {
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
	if len(data) > maxRecord {
		return nil, fmt.Errorf("store: get %s: record is larger than %d bytes", key, maxRecord)
	}
	return data, nil
}

func (s *Store) read(ctx context.Context, key string, into any) error {
	data, err := s.get(ctx, key)
	if err != nil {
		return err
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := errors.Join(json.Unmarshal(data, &head), json.Unmarshal(data, into)); err != nil {
		return fmt.Errorf("store: get %s: damaged record: %w", key, err)
	}
	if head.Format < 1 || head.Format > FormatVersion {
		return fmt.Errorf("store: get %s: format %d, and this gymline reads up to %d: use a newer gymline", key, head.Format, FormatVersion)
	}
	return nil
}
