package job_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/store"
)

// spoil changes an object's bytes.
func spoil(t *testing.T, s *store.Store, key string, change func(string) string) {
	t.Helper()
	r, err := s.Bucket().Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	r.Close()
	text := change(string(data))
	if err == nil {
		err = s.Bucket().Put(t.Context(), key, strings.NewReader(text), int64(len(text)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What is damaged of earlier work is no work: it is done again, and is whole then.
func TestDamagedWorkIsDoneAgain(t *testing.T) {
	cut := func(s string) string { return s[:len(s)/2] }
	for name, damage := range map[string]func(t *testing.T, s *store.Store, rec store.Step, export string){
		"a memo that is cut": func(t *testing.T, s *store.Store, rec store.Step, _ string) {
			spoil(t, s, "memo/"+string(rec.WorkKey)+".json", cut)
		},
		"a memo of a later format": func(t *testing.T, s *store.Store, rec store.Step, _ string) {
			spoil(t, s, "memo/"+string(rec.WorkKey)+".json", func(s string) string { return strings.Replace(s, `"format": 1`, `"format": 9`, 1) })
		},
		"a memo that lacks what later steps read": func(t *testing.T, s *store.Store, rec store.Step, _ string) {
			spoil(t, s, "memo/"+string(rec.WorkKey)+".json", func(s string) string { return strings.Replace(s, `"part.jsonl"`, `"other.jsonl"`, 1) })
		},
		"a memo whose digest is none": func(t *testing.T, s *store.Store, rec store.Step, _ string) {
			spoil(t, s, "memo/"+string(rec.WorkKey)+".json", func(s string) string { return strings.ReplaceAll(s, string(rec.Outputs[0].Digest), "none") })
		},
		"a blob that is cut": func(t *testing.T, s *store.Store, rec store.Step, _ string) {
			d := string(rec.Outputs[0].Digest)
			spoil(t, s, "blobs/sha256/"+d[:2]+"/"+d, cut)
		},
		"a published file that is cut": func(t *testing.T, s *store.Store, _ store.Step, export string) { spoil(t, s, export, cut) },
		"a published list that is empty": func(t *testing.T, s *store.Store, _ store.Step, export string) {
			spoil(t, s, export[:strings.LastIndexByte(export, '/')]+"/gymline.json", func(string) string { return "" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			done := 0
			fn := func(_ context.Context, t *job.Task) error {
				done++
				t.Publish("x")
				return t.Create("part.jsonl", job.JSONL).Row("text")
			}
			again := func(run store.RunID) store.Step {
				w.open(run, false)
				rec, err := w.do(t.Context(), "make", 0, fn)
				if err != nil {
					t.Fatal(err)
				}
				return rec
			}
			rec, export := again("r-1"), ""
			for key := range w.store.Bucket().List(t.Context(), "exports/") {
				if strings.HasSuffix(key, "part.jsonl") {
					export = key
				}
			}
			damage(t, w.store, rec, export)
			if rec := again("r-2"); rec.Reused || done != 2 {
				t.Errorf("reused: %v, done %d times", rec.Reused, done)
			}
			if rec := again("r-3"); !rec.Reused || done != 2 || rec.Published != "x" || len(rec.Stored) != 1 {
				t.Errorf("once it is whole again: %+v, done %d times", rec, done)
			}
		})
	}
}
