package folder

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/store/storetest"
)

// TestProcessesRace lets 16 processes race for each of 100 records: one wins,
// and all read its record at once.
func TestProcessesRace(t *testing.T) {
	for name, links := range map[string]bool{"links": true, "no links": false} {
		t.Run(name, func(t *testing.T) {
			const processes, rounds = 16, 50
			dir := storetest.Dir(t)
			children := make([]*child, processes)
			for i := range children {
				var err error
				if children[i], err = start(t, "race", dir, fmt.Sprint("p", i), links); err != nil {
					t.Fatal(err)
				}
			}
			for round := range rounds {
				for _, c := range children {
					if _, err := fmt.Fprintf(c.stdin, "race/%d/record.json\n", round); err != nil {
						t.Fatal(err, c.stderr.String())
					}
				}
				won, stored := map[string]bool{}, map[string]bool{}
				for i, c := range children {
					line, err := c.stdout.ReadString('\n')
					if err != nil {
						t.Fatal(err, c.stderr.String())
					}
					first, record, _ := strings.Cut(strings.TrimSpace(line), " ")
					stored[record] = true
					if first == "true" {
						won[fmt.Sprint("the record of p", i)] = true
					}
				}
				if len(won) != 1 || len(stored) != 1 || fmt.Sprint(won) != fmt.Sprint(stored) {
					t.Fatalf("round %d: won by %v, and read were %v", round, won, stored)
				}
			}
		})
	}
}

// TestTwoHundredKills kills writers at random moments while others write and a
// reader reads. What was reported as stored is there; what is there is whole,
// and a record has one writer; what the kills left lies in uploads/, and a day
// later it is gone.
func TestTwoHundredKills(t *testing.T) {
	const lanes, each = 4, 50
	dir := storetest.Dir(t)
	var mu sync.Mutex
	stored := map[string]string{} // by key: its writer
	var kills errgroup.Group
	for lane := range lanes {
		rng := rand.New(rand.NewPCG(200, uint64(lane)))
		kills.Go(func() error {
			for i := range each {
				name := fmt.Sprintf("w%d-%d", lane, i)
				c, err := start(t, "write", dir, name, true)
				if err != nil {
					return err
				}
				timer := time.AfterFunc(time.Duration(rng.Int64N(int64(15*time.Millisecond))), func() { _ = c.cmd.Process.Kill() })
				said, err := io.ReadAll(c.stdout)
				timer.Stop()
				if c.cmd.Wait(); err != nil || c.stderr.Len() > 0 {
					return fmt.Errorf("writer %s: %w: %s", name, err, c.stderr.String())
				}
				mu.Lock()
				for key := range strings.Lines(string(said)) {
					key, complete := strings.CutSuffix(key, "\n")
					if by, twice := stored[key]; complete && twice && strings.HasPrefix(key, "race/") {
						t.Errorf("%s was created by %s and by %s", key, by, name)
					}
					if complete {
						stored[key] = name
					}
				}
				mu.Unlock()
			}
			return nil
		})
	}
	b := opened(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	var reading errgroup.Group
	reading.Go(func() error { // beside the writers
		for ctx.Err() == nil {
			if _, err := readAll(t.Context(), b); err != nil {
				return err
			}
		}
		return nil
	})
	err := kills.Wait()
	stop()
	if err == nil {
		err = reading.Wait()
	}
	if err != nil {
		t.Fatal(err)
	}

	check := func() {
		t.Helper()
		there, err := readAll(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		for key, by := range stored {
			if got := there[key]; got == "" || strings.HasPrefix(key, "race/") && got != by {
				t.Errorf("%s was stored by %s, and there is one of %q", key, by, got)
			}
		}
		if len(there) < len(stored) || len(stored) < lanes*each {
			t.Errorf("%d objects are there, %d were stored", len(there), len(stored))
		}
	}
	check()
	left := names(t, filepath.Join(dir, uploads))
	t.Logf("%d objects stored, %d files left in uploads", len(stored), len(left))
	if len(left) == 0 {
		t.Error("no kill came in the middle of a write")
	}
	if err := b.Sweep(t.Context(), time.Now()); err != nil || len(names(t, filepath.Join(dir, uploads))) != len(left) {
		t.Errorf("a sweep at once removed what may be in use (%v)", err)
	}
	if err := b.Sweep(t.Context(), time.Now().Add(leftover+time.Minute)); err != nil || len(names(t, filepath.Join(dir, uploads))) > 0 {
		t.Errorf("a day later is left: %q (%v)", names(t, filepath.Join(dir, uploads)), err)
	}
	check()
}

// readAll reads every object, which has to be whole, and returns the writers by
// key. Nothing else is in the folder but uploads.
func readAll(ctx context.Context, b *Bucket) (map[string]string, error) {
	there := map[string]string{}
	for key, err := range b.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		r, err := b.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		p, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		r.Close()
		if there[key], err = whole(key, p); err != nil {
			return nil, err
		}
	}
	return there, fs.WalkDir(os.DirFS(b.dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasPrefix(name, objects+"/") && !strings.HasPrefix(name, uploads+"/") {
			err = fmt.Errorf("%s is neither an object nor an upload", name)
		}
		if strings.HasPrefix(name, uploads+"/") {
			err = nil // it may be gone by now
		}
		return err
	})
}
