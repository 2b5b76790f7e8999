package closure

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// atOnce bounds the step records that are read side by side.
const atOnce = 256

// records visits all below runs/<run>/, each followed by what it names.
func (r *walker) records() error {
	prefix, any, sealed := "runs/"+string(r.id)+"/", false, false
	var steps []string // that are next, read together
	flush := func() error {
		err := r.steps(steps)
		steps = nil
		return err
	}
	err := r.list(prefix, func(key string) error {
		any = true
		rest := strings.TrimPrefix(key, prefix)
		sealed = sealed || rest == "seal.json"
		if _, ok := shardOf(rest); ok {
			if steps = append(steps, key); len(steps) < atOnce {
				return nil
			}
			return flush()
		}
		if err := flush(); err != nil {
			return err
		}
		return r.one(key, rest)
	})
	if err == nil {
		err = flush()
	}
	if err == nil && !any {
		err = r.none()
	}
	if err == nil && !sealed {
		err = r.below("handin/"+string(r.id)+"/", HandIn, "handed in for the run")
	}
	return err
}

// one visits a record that is no step's, and what it names.
func (r *walker) one(key, rest string) error {
	o := Object{Key: key, Kind: Record, Why: "record of the run"}
	if rest == "plan.json" {
		o.Digest = r.record.Plan
	}
	if first, err := r.tell(o); err != nil || !first {
		return err
	}
	switch {
	case rest == "run.json":
		if r.runErr != nil {
			return r.bad(o, r.runErr)
		}
		return r.source(o)
	case rest == "plan.json" && r.plan == nil && r.runErr == nil:
		if r.read(); r.plan == nil { // else it was put since
			return r.bad(o, store.ErrCorrupt)
		}
	case rest == "seal.json":
		var seal struct {
			Binding store.Digest `json:"binding"`
		}
		if err := r.json(key, &seal); err != nil {
			return r.bad(o, err)
		}
		return r.named(Binding, seal.Binding, "binding of the seal")
	case strings.HasPrefix(rest, "checkpoints/"):
		name := strings.TrimSuffix(strings.TrimPrefix(rest, "checkpoints/"), ".json")
		c, err := r.Store.ReadCheckpoint(r.ctx, r.id, name)
		if err != nil {
			return r.bad(o, err)
		}
		return r.tree(Checkpoint, c.Tree, "checkpoint "+name)
	}
	return nil
}

// source visits the files as given. What holds a secret was left out.
func (r *walker) source(o Object) error {
	data, err := r.Store.ReadObject(r.ctx, o.Key)
	if err != nil {
		return r.bad(o, err)
	}
	return r.sources(data, o)
}

// sources visits what a run's record names of them, or a draft.
func (r *walker) sources(data []byte, o Object) error {
	var record struct {
		Source struct {
			Experiment store.Digest `json:"experiment"`
			Profile    store.Digest `json:"profile"`
			Files      map[string]struct {
				Digest store.Digest `json:"digest"`
				Left   bool         `json:"left"`
			} `json:"files"`
		} `json:"source"`
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return r.bad(o, err)
	}
	source := record.Source
	err := errors.Join(r.named(Source, source.Experiment, "experiment as given"), r.named(Source, source.Profile, "profile as given"))
	for _, name := range slices.Sorted(maps.Keys(source.Files)) {
		if f := source.Files[name]; !f.Left && err == nil {
			err = r.named(Source, f.Digest, name+" as given")
		}
	}
	return err
}

// named visits a blob that a record may name.
func (r *walker) named(kind Kind, d store.Digest, why string) error {
	if !d.Valid() {
		return nil
	}
	_, _, err := r.blob(kind, d, 0, why)
	return err
}

// drafts are the blobs that a pod opened the run from, which only its submitter put.
func (r *walker) drafts() error {
	if r.runErr != nil || !r.record.Plan.Valid() {
		return nil
	}
	_, err := r.tell(Object{Key: store.BlobKey(r.record.Plan), Kind: Draft, Digest: r.record.Plan, Why: "plan of the draft", Optional: true})
	return err
}

func (r *walker) inputs() error {
	for _, name := range slices.Sorted(maps.Keys(r.record.Inputs)) {
		if err := r.tree(Input, r.record.Inputs[name], "input "+name); err != nil {
			return err
		}
	}
	return nil
}

// steps visits step records and what they name.
func (r *walker) steps(keys []string) error {
	records, errs := make([]store.Step, len(keys)), make([]error, len(keys))
	err := store.SideBySide(r.ctx, len(keys), func(i int) (err error) {
		step, shard, ok := splitShard(keys[i])
		if !ok {
			return nil // nobody's record
		}
		if records[i], err = r.Store.ReadStep(r.ctx, r.id, step, shard); err != nil {
			errs[i] = err
		}
		return r.ctx.Err()
	})
	for i := 0; i < len(keys) && err == nil; i++ {
		err = r.step(keys[i], &records[i], errs[i])
	}
	return err
}

// splitShard reads a step record's key.
func splitShard(key string) (store.StepName, int, bool) {
	parts := strings.Split(key, "/") // runs RUN steps STEP SHARD.json
	if len(parts) != 5 {
		return "", 0, false
	}
	shard, err := strconv.Atoi(strings.TrimSuffix(parts[4], ".json"))
	return store.StepName(parts[3]), shard, err == nil
}

func (r *walker) step(key string, rec *store.Step, unread error) error {
	o := Object{Key: key, Kind: Record, Why: "record of the run", Work: rec.WorkKey}
	first, err := r.tell(o)
	if err != nil || !first {
		return err
	}
	if unread != nil {
		return r.bad(o, unread)
	}
	if rec.Step == "" {
		return nil
	}
	at := string(rec.Step) + "/" + strconv.Itoa(rec.Shard)
	for _, a := range rec.Outputs {
		if !a.Digest.Valid() {
			return r.bad(o, store.ErrCorrupt)
		}
		out, _, err := r.blob(Output, a.Digest, a.Bytes, "output "+at+"/"+a.Name)
		if err != nil {
			return err
		}
		if a.Name == plan.CheckpointOutput {
			if err := r.came(out, at); err != nil {
				return err
			}
		}
	}
	return errors.Join(r.published(rec, at), r.asked(rec))
}

// came visits the checkpoint that an output tells of.
func (r *walker) came(o Object, at string) error {
	var c plan.Checkpoint
	data, err := r.Store.ReadBlob(r.ctx, o.Digest)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		return r.bad(o, err)
	}
	return r.tree(Checkpoint, store.Tree{Digest: c.Tree, Files: c.Files, Bytes: c.Bytes}, "checkpoint of "+at)
}

// published visits the plain copies of outputs.
func (r *walker) published(rec *store.Step, at string) error {
	if rec.Published == "" {
		return nil
	}
	prefix, list, err := store.ExportOf(rec.Published, rec.Outputs)
	if err != nil {
		return err
	}
	for _, a := range rec.Outputs {
		if _, err := r.tell(Object{Key: prefix + a.Name, Kind: Export, Digest: a.Digest, Bytes: a.Bytes, Why: "plain copy of " + at + "/" + a.Name}); err != nil {
			return err
		}
	}
	_, err = r.tell(Object{Key: prefix + store.ExportList, Kind: Export, Digest: store.DigestOf(list), Bytes: int64(len(list)), Why: "list of what " + at + " published"})
	return err
}

// tree visits a list of files and the files. The list is read as a stream: it may name
// a million.
func (r *walker) tree(kind Kind, t store.Tree, why string) error {
	if !t.Digest.Valid() {
		return nil
	}
	// The list comes after its files, as it is stored. Another object may have its bytes.
	o := Object{Key: store.BlobKey(t.Digest), Kind: kind, Digest: t.Digest, Why: "list of " + why}
	if !r.Seen.Add("files of " + o.Key) {
		return nil
	}
	stopped := error(nil) // the visitor's
	err := Files(r.ctx, r.Store, t.Digest, func(f store.TreeFile) error {
		if !f.Digest.Valid() {
			return store.ErrCorrupt
		}
		_, _, stopped = r.blob(kind, f.Digest, f.Bytes, f.Path+" of "+why)
		return stopped
	})
	if stopped != nil {
		return stopped
	}
	_, tellErr := r.tell(o)
	if err != nil && tellErr == nil {
		return r.bad(o, err)
	}
	return tellErr
}

// Files calls fn with each file that a tree's list names, as it is read; that the list is
// whole is known when it returns nil.
func Files(ctx context.Context, st *store.Store, list store.Digest, fn func(store.TreeFile) error) error {
	in, err := st.OpenBlob(ctx, list)
	if err != nil {
		return err
	}
	defer in.Close()
	dec := json.NewDecoder(in)
	open, err := dec.Token()
	if err != nil {
		return err
	}
	for open != nil && dec.More() { // nil: the list of no files is null
		var f store.TreeFile
		if err := dec.Decode(&f); err != nil {
			return err
		}
		if err := fn(f); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, io.MultiReader(dec.Buffered(), in)) // its end tells whether it is whole
	return err
}

// json reads what is wanted of a record.
func (r *walker) json(key string, into any) error {
	data, err := r.Store.ReadObject(r.ctx, key)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
