package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

// What is right some looks later is waited for: nothing is asked, or paid, twice.
func TestLate(t *testing.T) {
	for name, by := range map[string]map[string]bend{
		"the batch is not found":  {getBatch: refuses(looks, 404)},
		"the batch is refused":    {getBatch: refuses(looks, 400)},
		"the batch is no batch":   {getBatch: instead(3, `{}`)},
		"an error in its place":   {getBatch: instead(3, `{"error":{"message":"not found","code":404}}`)},
		"the files are not named": {getBatch: ended(looksCounted, noFiles)},
		"nor counted":             {getBatch: ended(3, map[string]any{"output_file_id": nil, "request_counts": nil})},
		"or counted as none":      {getBatch: ended(3, map[string]any{"output_file_id": nil, "request_counts": map[string]int{"total": 20, "completed": 0, "failed": 0}})},
		"the file is not found":   {getContent: refuses(looks, 404)},
		"the file is not ready":   {getContent: refuses(looks, 409)},
		"the file is empty":       {getContent: instead(looks, "")},
		"the file is a page":      {getContent: instead(looks, "<html>\n<p>soon</p>\n")},
		"the file is half":        {getContent: cut(looks, 10)},
		"the file is pending":     {sendFile: says(1, map[string]any{"status": "pending"}), getFile: says(looksCounted-1, map[string]any{"status": "notRunning"})},
		"the list is empty":       {makeBatch: refuses(1, 502), listBatch: instead(looks, `{"data":[]}`)},
		"the list has no marks":   {makeBatch: refuses(1, 504), listBatch: markless},
	} {
		inLab(t, name, func(t *testing.T, l *lab) {
			l.bends(by)
			l.answers(20, 1)
		})
	}
}

// A start that is refused for a while is tried again, as long as the file asks for.
func TestLateStart(t *testing.T) {
	unknown := refuses(always, 404)
	for name, c := range map[string]struct {
		times, with int
		file        bend
	}{
		"refused":      {looks, 400, unknown},
		"no such file": {looks, 404, unknown},
		"locked":       {looks, 423, unknown},
		"too early":    {looks, 425, unknown},
		"file pending": {looksCounted, 400, says(always, map[string]any{"status": "Running"})},
		"file taken":   {looksTaken, 400, nil},
		"file active":  {looksTaken, 400, says(always, map[string]any{"status": nil, "state": "ACTIVE"})},
		"file becomes": {looksCounted, 400, says(always, map[string]any{"status": nil, "state": "PROCESSING"})},
	} {
		inLab(t, name, func(t *testing.T, l *lab) {
			l.fails(makeBatch, c.times, c.with)
			l.bends(map[string]bend{getFile: c.file})
			l.answers(20, 1)
		})
	}
}

// A batch that is refused because its file is not active, in Gemini's words, is
// started again later; one that stays refused ends the run in those words.
func TestInactiveFile(t *testing.T) {
	const inactive = `[{"error":{"code":400,"message":"The file is not in an ACTIVE state.","status":"FAILED_PRECONDITION"}}]`
	inLab(t, "for a while", func(t *testing.T, l *lab) {
		l.fails(makeBatch, looksCounted, 400)
		l.api.Excuse = inactive
		l.bends(map[string]bend{getFile: says(always, map[string]any{"status": nil, "state": "PROCESSING"})})
		l.answers(20, 1)
	})
	inLab(t, "for ever", func(t *testing.T, l *lab) {
		l.fails(makeBatch, always, 400)
		l.api.Excuse = inactive
		p := l.start()
		for _, err := range p.all(t.Context(), t, "q", 4) {
			if fault.Code(err) != fault.Config || !strings.Contains(err.Error(), "ACTIVE") {
				t.Errorf("exit code %d: %v", fault.Code(err), err)
			}
		}
		p.stop(t)
		l.batches(0, 0)
	})
}

// What this process was billed for and never sees ends the run, once, with the
// provider's words; what it does not see for now ends the shard. The next run
// looks again, and pays nothing twice where it finds it.
func TestNeverSeen(t *testing.T) {
	for name, c := range map[string]struct {
		by   map[string]bend
		code int
		says string
	}{
		"the batch is not found": {map[string]bend{getBatch: refuses(always, 404), listBatch: instead(always, `{"data":[]}`)}, fault.Config, "nothing of the kind here"},
		"the batch is refused":   {map[string]bend{getBatch: refuses(always, 400)}, fault.Config, "nothing of the kind here"},
		"the file is not found":  {map[string]bend{getContent: refuses(always, 404)}, fault.Config, "nothing of the kind here"},
		"the file is not ready":  {map[string]bend{getContent: refuses(always, 409)}, fault.Temporary, "nothing of the kind here"},
		"no file is named":       {map[string]bend{getBatch: ended(always, noFiles)}, fault.Temporary, "answered it names no file"},
		"the file is a page":     {map[string]bend{getContent: instead(always, "<html>")}, fault.Temporary, "hold none of its answers"},
	} {
		inLab(t, name, func(t *testing.T, l *lab) {
			l.bends(c.by)
			p := l.start()
			for _, err := range p.all(t.Context(), t, "q", 4) {
				e, ok := errors.AsType[*llm.Error](err)
				if fault.Code(err) != c.code || !ok || !e.Billed || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "batch_1") || !strings.Contains(fault.Hint(err), "run again") {
					t.Errorf("exit code %d, want %d: %v (%s)", fault.Code(err), c.code, err, fault.Hint(err))
				}
			}
			p.stop(t)
			l.batches(1, 1)
			l.api.Bend = nil
			l.answers(4, 1)
		})
	}
}

// A start that stays refused ends the run in the provider's words, and nothing
// was asked.
func TestNeverStarted(t *testing.T) {
	broken := map[string]any{"status": "error", "status_details": "not now"}
	for name, by := range map[string]map[string]bend{
		"refused":        {getFile: refuses(always, 404)},
		"file is taken":  {},
		"file is queued": {getFile: says(always, map[string]any{"status": "pending"})},
		"file is broken": {sendFile: says(1, broken)},
		"file breaks":    {getFile: says(always, broken)},
	} {
		inLab(t, name, func(t *testing.T, l *lab) {
			l.fails(makeBatch, always, 400)
			l.bends(by)
			p := l.start()
			for _, err := range p.all(t.Context(), t, "q", 4) {
				if fault.Code(err) != fault.Config || !strings.Contains(err.Error(), "not now") {
					t.Errorf("exit code %d: %v", fault.Code(err), err)
				}
			}
			p.stop(t)
			l.batches(0, 0)
		})
	}
}

// A batch that an earlier run left, or that was seen before, and that is found no
// more is asked anew.
func TestLost(t *testing.T) {
	for name, left := range map[string]bool{"left": true, "seen": false} {
		inLab(t, name, func(t *testing.T, l *lab) {
			if left {
				l.leaves(4)
			}
			l.bends(map[string]bend{getBatch: func(n, status int, body []byte) (int, []byte) {
				if n > 0 && n < looks+2 || n == 0 && left {
					return 404, body
				}
				return status, body
			}})
			p := l.start()
			p.must(t, "q", 4)
			p.stop(t)
			if l.api.Count() != 2 {
				t.Errorf("%d batches", l.api.Count())
			}
		})
	}
}

// A request whose line never shows is asked in a bounded number of batches, each
// of which is paid for by itself.
func TestLineNeverShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.bends(map[string]bend{getContent: func(_, status int, body []byte) (int, []byte) {
			lines := slices.DeleteFunc(strings.SplitAfter(string(body), "\n"), func(s string) bool { return strings.Contains(s, "to q 0") })
			return status, []byte(strings.Join(append(lines, `{"custom_id":"cut`), ""))
		}})
		asked, answer := 0, l.api.Answer
		l.api.Answer = func(ctx context.Context, body []byte) ([]byte, error) {
			if strings.Contains(string(body), `"q 0"`) {
				asked++
			}
			return answer(ctx, body)
		}
		p := l.start()
		var wg sync.WaitGroup
		paid := 0
		// Another stands beside it in each batch: else nothing would show at all.
		beside := func() {
			wg.Go(func() {
				if _, err := p.batcher.Chat(t.Context(), question(fmt.Sprint("beside ", paid))); err != nil {
					t.Error(err)
				}
			})
		}
		p.Chatter = Anew(llm.ChatFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			resp, err := p.batcher.Chat(ctx, req)
			if e, ok := errors.AsType[*llm.Error](err); ok && e.Billed {
				paid++
				beside()
			}
			return resp, err
		}))
		beside()
		_, err := p.Chat(t.Context(), question("q 0"))
		wg.Wait()
		if e, ok := errors.AsType[*llm.Error](err); !ok || !e.Silent() || paid != maxTries || asked != maxTries {
			t.Errorf("asked in %d batches, paid for %d times, want %d: %v", asked, paid, maxTries, err)
		}
		p.stop(t)
	})
}

// States in the words of others end a batch as OpenAI's do; one that is unknown
// has ended when it names its answers.
func TestStates(t *testing.T) {
	for completed, running := range map[string]string{
		"COMPLETED": "IN_PROGRESS", "succeeded": "queued", "JOB_STATE_SUCCEEDED": "JOB_STATE_RUNNING", "ended": "in-progress", "Completed": "In Progress",
		"all_done_here": "in_progress", "in_the_archive": "under_way",
	} {
		inLab(t, completed, func(t *testing.T, l *lab) {
			l.bends(map[string]bend{getBatch: func(_, status int, body []byte) (int, []byte) {
				said := strings.NewReplacer(`"completed"`, `"`+completed+`"`, `"in_progress"`, `"`+running+`"`, `"completed":`, `"completed":`).Replace(string(body))
				return status, []byte(strings.ReplaceAll(said, `"`+completed+`":`, `"completed":`))
			}})
			l.answers(5, 1)
		})
	}
}

// A batch beyond its deadline is waited for with a word, and not for ever; one
// that is being cancelled is taken for cancelled then.
func TestOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Hold(true)
		l.bends(map[string]bend{getBatch: says(always, map[string]any{"expires_at": time.Now().Add(looks * poll).Format(time.RFC3339)})})
		p := l.start()
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.ends(t.Context(), t, 4, fault.Temporary)
		}()
		time.Sleep(3 * poll)
		if w := p.batcher.Waiting(); w != (llm.Batches{Open: 1, Requests: 4, Oldest: "batch_1", State: "in_progress"}) {
			t.Errorf("%+v", w)
		}
		time.Sleep(2 * looks * poll)
		if w := p.batcher.Waiting(); !strings.Contains(w.State, "past its deadline") {
			t.Errorf("%+v", w)
		}
		<-done
		if w := p.batcher.Waiting(); w.Open != 0 {
			t.Errorf("%+v", w)
		}
		p.stop(t)
		l.batches(1, 1)
		l.api.CancelAll()
		next := l.start() // a decision to go on
		release := time.AfterFunc(2*looksOverdue*poll, func() { l.api.Hold(false) })
		defer release.Stop()
		next.must(t, "q", 4)
		next.stop(t)
		l.billed(4, 4)
	})
}
