package gc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A Kept error says why a run is not removed.
type Kept struct {
	Run store.RunID
	Why string
	Do  string
}

func (k *Kept) Error() string { return fmt.Sprintf("run %s is not removed: %s", k.Run, k.Why) }
func (k *Kept) Hint() string  { return k.Do }

// A Removal takes runs' records away. What only they reached, Collect removes.
type Removal struct {
	Store      *store.Store
	Clock      Clock
	By, Reason string
	Ended      []store.RunID // that are not sealed, and have ended
}

// Check returns why a run cannot be removed, a Kept error, or nil.
func (r Removal) Check(ctx context.Context, id store.RunID) error {
	head, err := run.ReadHead(ctx, r.Store, id)
	if errors.Is(err, store.ErrNotFound) {
		if _, gone := r.Store.ReadTombstone(ctx, id); gone == nil {
			return nil // a removal that was cut off goes on
		}
	}
	if err != nil && !errors.Is(err, store.ErrUnreadable) { // what cannot be read can go
		return err
	}
	if err == nil && head.State == run.Unsealed {
		open, err := r.underWay(ctx, head)
		if err != nil {
			return err
		}
		if open {
			return &Kept{id, "it is not sealed, and a process may be at work on it", "wait for its end, stop it, or say that it has ended with --assume-ended " + string(id)}
		}
	}
	pins, err := r.Store.Pins(ctx)
	if err != nil {
		return err
	}
	if p, ok := pins[id]; ok {
		return &Kept{id, "it is pinned" + said(p.By, p.Reason), "'gymline unpin " + string(id) + "' first"}
	}
	tags, err := r.Store.Tags(ctx)
	if err != nil {
		return err
	}
	for name, t := range tags {
		if t.Run == id {
			return &Kept{id, "the tag " + name + " names it", "'gymline tag --delete " + name + "' first, or give the tag to another run"}
		}
	}
	return nil
}

// AtWork are the runs at which a process may be at work.
func (r Removal) AtWork(ctx context.Context) (ids []store.RunID, err error) {
	heads, err := run.Heads(ctx, r.Store)
	for i := 0; i < len(heads) && err == nil; i++ {
		if heads[i].State != run.Unsealed {
			continue
		}
		var open bool
		if open, err = r.underWay(ctx, heads[i]); open {
			ids = append(ids, heads[i].ID)
		}
	}
	return ids, err
}

// underWay reports whether a process may be at work on a run.
func (r Removal) underWay(ctx context.Context, head run.Head) (bool, error) {
	if slices.Contains(r.Ended, head.ID) {
		return false, nil
	}
	how, damaged := run.ExecutionOf(head.Run)
	if damaged != nil || how.Image != "" {
		return true, nil // pods do not tell that they work
	}
	last, err := r.Store.LastBeat(ctx, head.ID)
	if err != nil {
		return false, err
	}
	if last == "" {
		last = head.Created
	}
	at, err := store.ParseStamp(last)
	return err != nil || r.Clock.Now().Sub(at) < DeadAfter, nil
}

func said(by, reason string) (s string) {
	if by != "" {
		s = " by " + by
	}
	if reason != "" {
		s += ": " + reason
	}
	return s
}

// Remove takes away runs that Check lets go: first it makes their work findable by
// other runs that have it too, then it leaves a tombstone of each, and then its records
// go, its own first. Cut off anywhere, it goes on when it is called again.
func (r Removal) Remove(ctx context.Context, ids ...store.RunID) error {
	for _, id := range ids {
		if err := r.Check(ctx, id); err != nil {
			return err
		}
	}
	if err := r.handOver(ctx, ids); err != nil {
		return err
	}
	spends, err := r.accounts(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := r.one(ctx, id, spends[id]); err != nil {
			return err
		}
	}
	return nil
}

// accounts are those of the runs that runs which stay spend from.
func (r Removal) accounts(ctx context.Context, ids []store.RunID) (map[store.RunID]bool, error) {
	heads, err := run.Heads(ctx, r.Store)
	spent := map[store.RunID]bool{}
	for _, h := range heads {
		if !slices.Contains(ids, h.ID) && h.Account != "" {
			spent[h.Account] = true
		}
	}
	return spent, err
}

func (r Removal) one(ctx context.Context, id store.RunID, spends bool) error {
	b := r.Store.Bucket()
	stone := store.Tombstone{Run: id, By: r.By, Reason: r.Reason, At: store.Stamp(r.Clock.Now())}
	if record, err := r.Store.ReadRun(ctx, id); err == nil {
		stone.Experiment = record.Experiment
	} else if !errors.Is(err, store.ErrNotFound) {
		stone.Experiment, _ = store.SplitRun(id)
	}
	if seal, err := r.Store.ReadObject(ctx, "runs/"+string(id)+"/seal.json"); err == nil {
		var named struct {
			Binding store.Digest `json:"binding"`
		}
		if json.Unmarshal(seal, &named) == nil {
			stone.Binding = named.Binding
		}
		stone.Seal = store.DigestOf(seal)
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := r.Store.PutTombstone(ctx, stone); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	if err := b.Delete(ctx, "runs/"+string(id)+"/run.json"); err != nil {
		return err
	}
	var keys []string
	for _, folder := range besides {
		for k, err := range b.List(ctx, folder+string(id)+"/") {
			if err != nil {
				return err
			}
			if !spends || !strings.HasPrefix(k, "runs/"+string(id)+"/spend/") {
				keys = append(keys, k)
			}
		}
	}
	return store.SideBySide(ctx, len(keys), func(i int) error { return b.Delete(ctx, keys[i]) })
}

// A shard is one of a run, and what it is found by.
type shard struct {
	step store.StepName
	n    int
	work store.WorkKey
}

// handOver has memos of the runs' work name other runs that have the same work: the
// newest first. Work that no other run has is done anew when it is asked for.
func (r Removal) handOver(ctx context.Context, ids []store.RunID) error {
	var wanted []shard
	for _, id := range ids {
		mine, err := r.remembered(ctx, id, ids)
		if err != nil {
			return err
		}
		wanted = append(wanted, mine...)
	}
	if len(wanted) == 0 {
		return nil
	}
	heads, err := r.holders(ctx, ids)
	if err != nil {
		return err
	}
	for _, h := range heads {
		if h.State != store.Succeeded && h.State != store.Failed && h.State != store.Interrupted {
			continue
		}
		found := make([]bool, len(wanted))
		err := store.SideBySide(ctx, len(wanted), func(i int) (err error) {
			found[i], err = r.handTo(ctx, h.ID, wanted[i])
			return err
		})
		if err != nil {
			return err
		}
		var left []shard
		for i, s := range wanted {
			if !found[i] {
				left = append(left, s)
			}
		}
		if wanted = left; len(wanted) == 0 {
			return nil
		}
	}
	return nil
}

// handOn is how many runs of each experiment may be handed work of one that goes.
const handOn = 20

// holders are runs that may have the same work: the newest of the same experiments first.
func (r Removal) holders(ctx context.Context, ids []store.RunID) (all []run.Head, err error) {
	asked := map[string]bool{}
	for _, id := range ids {
		record, err := r.Store.ReadRun(ctx, id)
		if err != nil || asked[record.Experiment] {
			continue
		}
		asked[record.Experiment] = true
		heads, err := run.HeadsOf(ctx, r.Store, record.Experiment)
		if err != nil {
			return nil, err
		}
		heads = slices.DeleteFunc(heads, func(h run.Head) bool { return slices.Contains(ids, h.ID) })
		slices.Reverse(heads)
		all = append(all, heads[:min(len(heads), handOn)]...)
	}
	return all, nil
}

// remembered are the shards of a run whose memos name one of the runs.
func (r Removal) remembered(ctx context.Context, id store.RunID, ids []store.RunID) ([]shard, error) {
	var all []shard
	prefix := "runs/" + string(id) + "/steps/"
	for k, err := range r.Store.Bucket().List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		step, rest, _ := strings.Cut(strings.TrimPrefix(k, prefix), "/")
		if n, err := strconv.Atoi(strings.TrimSuffix(rest, ".json")); err == nil {
			all = append(all, shard{step: store.StepName(step), n: n})
		}
	}
	err := store.SideBySide(ctx, len(all), func(i int) error {
		s := &all[i]
		rec, err := r.Store.ReadStep(ctx, id, s.step, s.n)
		if err != nil {
			return forgiven(err)
		}
		memo, err := r.Store.ReadMemo(ctx, rec.WorkKey)
		if err == nil && slices.Contains(ids, memo.Run) {
			s.work = rec.WorkKey
		}
		return forgiven(err)
	})
	return slices.DeleteFunc(all, func(s shard) bool { return s.work == "" }), err
}

// forgiven is an error but for records that are absent or damaged.
func forgiven(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) {
		return nil
	}
	return err
}

// handTo has the memo of a shard's work name a run, where that has it: as a copy of that
// run's record.
func (r Removal) handTo(ctx context.Context, id store.RunID, s shard) (bool, error) {
	rec, err := r.Store.ReadStep(ctx, id, s.step, s.n)
	if err != nil || rec.WorkKey != s.work {
		return false, forgiven(err)
	}
	data, err := r.Store.ReadObject(ctx, fmt.Sprintf("runs/%s/steps/%s/%d.json", id, s.step, s.n))
	if err != nil {
		return false, forgiven(err)
	}
	return true, r.Store.Bucket().Put(ctx, "memo/"+string(s.work)+".json", bytes.NewReader(data), int64(len(data)))
}
