package pack

import (
	"encoding/json"
	"errors"
	"path"
	"regexp"
	"strings"

	"github.com/gymline/gymline/internal/store"
)

// A place is what may be done with an object of an archive.
type place int

const (
	aBlob place = iota
	aCopy
	aSegment
	aJournal
	aRecord
)

// Keys that an archive may have. Whatever else is in one is refused: it could be another
// run's, or a name or memo of the store's.
var (
	copies   = regexp.MustCompile(`^exports/[A-Za-z0-9][A-Za-z0-9._-]*/[0-9a-f]{64}/.`)
	segments = regexp.MustCompile(`^ledger/[0-9a-f]{64}/[0-9a-f]{64}-[0-9]+\.jsonl\.zst$`)
	journals = regexp.MustCompile(`^ledger/[0-9a-f]{64}/journal/[0-9a-f]{64}\.jsonl\.zst$`)
	spends   = regexp.MustCompile(`^runs/[A-Za-z0-9][A-Za-z0-9._-]*/spend/[0-9]+\.json$`)
	beside   = regexp.MustCompile(`^(notes|signatures)/([A-Za-z0-9][A-Za-z0-9._-]*)/[0-9]+\.json$`)
	stones   = regexp.MustCompile(`^removed/[A-Za-z0-9][A-Za-z0-9._-]*\.json$`)
)

// place finds an object's place by its key.
func (u *unpacker) place(key string) (place, error) {
	if path.Clean(key) != key || strings.HasPrefix(key, "/") {
		return 0, errors.New("it is no key")
	}
	if _, ok := blobOf(key); ok {
		return aBlob, nil
	}
	switch {
	case copies.MatchString(key):
		return aCopy, nil
	case segments.MatchString(key):
		return aSegment, nil
	case journals.MatchString(key):
		return aJournal, nil
	case strings.HasPrefix(key, "runs/"+string(u.head.Run)+"/"), spends.MatchString(key), stones.MatchString(key):
		return aRecord, nil
	}
	if m := beside.FindStringSubmatch(key); m != nil && m[2] == string(u.head.Run) {
		return aRecord, nil
	}
	return 0, errors.New("it is no part of the run")
}

// ofRun reports whether a record cannot change once it is there.
func ofRun(key string) bool { return strings.HasPrefix(key, "runs/") }

// A list is of a set of plain copies, which is stored after them.
type list struct {
	object store.Object
	files  map[string]store.Digest // still to come
}

// copied notes a plain copy, which its list must name; later is that it is the list
// itself, of which data is held until all files have come.
func (u *unpacker) copied(key string, digest store.Digest, data []byte) (later bool, err error) {
	parts := strings.SplitN(key, "/", 4)
	prefix, name := strings.Join(parts[:3], "/")+"/", parts[3]
	if name == store.ExportList {
		var artifacts []store.Artifact
		if data == nil || string(digest) != parts[2] || json.Unmarshal(data, &artifacts) != nil {
			return true, store.ErrCorrupt
		}
		l := &list{object: store.Object{Key: key, Body: data}, files: map[string]store.Digest{}}
		for _, a := range artifacts {
			l.files[a.Name] = a.Digest
		}
		u.exports[prefix] = l
		return true, nil
	}
	l := u.exports[prefix]
	if l == nil || l.files[name] != digest {
		return false, store.ErrCorrupt
	}
	delete(l.files, name)
	return false, nil
}

// lists has the lists stored of which all files have come.
func (u *unpacker) lists() (whole []store.Object) {
	for prefix, l := range u.exports {
		if len(l.files) == 0 {
			whole = append(whole, l.object)
			delete(u.exports, prefix)
		}
	}
	return whole
}

// remember notes a step record, to be found by its work.
func (u *unpacker) remember(o store.Object) error {
	prefix := "runs/" + string(u.head.Run) + "/steps/"
	if !strings.HasPrefix(o.Key, prefix) {
		return nil
	}
	var rec store.Step
	if err := json.Unmarshal(o.Body, &rec); err != nil {
		return err
	}
	key := "memo/" + string(rec.WorkKey) + ".json"
	if !work.MatchString(string(rec.WorkKey)) {
		return store.ErrCorrupt
	}
	u.steps = append(u.steps, memo{key, o.Key})
	return nil
}

var work = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`)

// memos make the run's work findable where no other run's is: each is a copy of the
// step's record, bytes and all.
func (u *unpacker) memos() error {
	return store.SideBySide(u.ctx, len(u.steps), func(i int) error {
		_, err := u.st.Bucket().Stat(u.ctx, u.steps[i].key)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		record, err := u.st.ReadObject(u.ctx, u.steps[i].from)
		if err != nil {
			return err
		}
		return u.st.PutAll(u.ctx, []store.Object{{Key: u.steps[i].key, Body: record}})
	})
}
