package pack

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/store"
)

// elsewhere holds a record that stands below another run's name until the run's own
// record tells whether it is one of its account or experiment.
func (u *unpacker) elsewhere(o store.Object) error {
	u.others, u.waiting = append(u.others, o), u.waiting+len(o.Key)+len(o.Body)
	if u.waiting > maxRecord {
		return fmt.Errorf("%w: it has entries of the account and removed runs of more than %d bytes", ErrRefused, maxRecord)
	}
	return nil
}

// own takes the run's own record, the last, before which all others are stored.
func (u *unpacker) own(o store.Object) error {
	var record store.Run
	if store.DigestOf(o.Body) != u.head.Record {
		return store.ErrCorrupt
	}
	if err := json.Unmarshal(o.Body, &record); err != nil {
		return err
	}
	if record.Format != store.FormatVersion || record.ID != u.head.Run || !isOf(record.ID, record.Experiment) {
		return fmt.Errorf("it is no record of run %s that this gymline reads: it says format %d, run %q of experiment %q", u.head.Run, record.Format, record.ID, record.Experiment)
	}
	if err := u.foreign(record); err != nil {
		return err
	}
	if err := u.flush(); err != nil {
		return err
	}
	if err := u.whole(o); err != nil {
		return err
	}
	u.once, u.last = []store.Object{o}, true
	return nil
}

func isOf(id store.RunID, experiment string) bool {
	return experiment != "" && strings.HasPrefix(string(id), experiment+"-")
}

// foreign has the records of the run's account stored, and of removed runs of its
// experiment, but of those that are here.
func (u *unpacker) foreign(record store.Run) error {
	entries := map[int]bool{}
	for _, o := range u.others {
		var err error
		if spends.MatchString(o.Key) {
			err = spend(o, record, entries)
		} else {
			var here bool
			if here, err = u.stone(o, record); here {
				continue
			}
		}
		if failed, ok := errors.AsType[*store.Error](err); ok {
			return failed
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrRefused, o.Key, err)
		}
		u.once = append(u.once, o)
	}
	for n := range entries {
		if n > len(entries) {
			return fmt.Errorf("the account of run %s has an entry %d, and lacks one before it: %w", record.Spending(), n, store.ErrCorrupt)
		}
	}
	u.others = nil
	return nil
}

// spend checks an entry of an account.
func spend(o store.Object, record store.Run, entries map[int]bool) error {
	var e store.Spend
	if err := json.Unmarshal(o.Body, &e); err != nil {
		return err
	}
	account := record.Spending()
	if e.Account != account || !isOf(account, record.Experiment) || e.Number < 1 || o.Key != fmt.Sprintf("runs/%s/spend/%d.json", account, e.Number) {
		return fmt.Errorf("run %s spends from the account of run %s, and this is entry %d of %q", record.ID, account, e.Number, e.Account)
	}
	if e.Total < -0.01 { // what comes of sums that are rounded is far less
		return fmt.Errorf("the account would have spent %v dollars", e.Total)
	}
	entries[e.Number] = true
	return nil
}

// stone checks the word of a run's removal, and reports whether that run is here.
func (u *unpacker) stone(o store.Object, record store.Run) (here bool, err error) {
	var t struct {
		Run        store.RunID `json:"run"`
		Experiment string      `json:"experiment"`
	}
	if err := json.Unmarshal(o.Body, &t); err != nil {
		return false, err
	}
	if t.Experiment != record.Experiment || !isOf(t.Run, t.Experiment) || o.Key != "removed/"+string(t.Run)+".json" {
		return false, fmt.Errorf("it tells of run %q of experiment %q, and the archive is of experiment %q", t.Run, t.Experiment, record.Experiment)
	}
	if t.Run == record.ID {
		return true, nil
	}
	_, err = u.st.Bucket().Stat(u.ctx, runKey(t.Run))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
