package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// conversation is a request of turns, after a system text.
func conversation(turns ...string) *llm.Request {
	req := &llm.Request{Messages: []llm.Message{{Role: llm.System, Content: "You watch a person at work."}}, Schema: &llm.Schema{Name: "proposal", Schema: []byte(`{"type":"object"}`)}, Seed: 12}
	for _, turn := range turns {
		req.Messages = append(req.Messages, llm.Message{Role: llm.User, Content: turn})
	}
	return req
}

func with(req *llm.Request, edit func(*llm.Request)) *llm.Request {
	edit(req)
	return req
}

// record writes requests to a new bucket: some in segments, the last in a journal.
func record(t *testing.T, requests ...*llm.Request) store.Bucket {
	t.Helper()
	bucket := store.NewMem()
	for i, req := range requests {
		l := open(t, bucket)
		chat(t, wrap(t, l, &provider{}), req)
		if i < len(requests)-1 {
			closeLedger(t, l)
		} else if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return bucket
}

// miss asks a replay for what was not recorded.
func miss(t *testing.T, bucket store.Bucket, req *llm.Request) string {
	t.Helper()
	_, err := wrap(t, open(t, bucket, replayOnly), nil).Chat(t.Context(), req)
	if !errors.Is(err, ErrMiss) {
		t.Fatalf("got %v", err)
	}
	return err.Error()
}

// TestNearest: each kind of difference is named, to the nearest of many.
func TestNearest(t *testing.T) {
	long := strings.Repeat("the same words, ", 8)
	bucket := record(t,
		conversation("the user opens a file"),
		conversation("the user opens a file", "and waits"),
		conversation("the user opens a file", "and waits", long+"then saves it as ü, "+long),
		with(conversation("the user opens a file", "and waits"), func(r *llm.Request) { r.Schema.Name, r.Messages[0].Content = "verdict", "You judge." }),
		with(conversation("another session"), func(r *llm.Request) { r.Seed = 13 }),
		with(conversation("another session"), func(r *llm.Request) { r.Seed, r.Replicate = 14, 2 }),
	)
	for name, tt := range map[string]struct {
		ask  *llm.Request
		want string
	}{
		"last message": {conversation("the user opens a file", "and waits", long+"then saves it as ö, "+long),
			`messages[3].content at byte 145: recorded "…he same words, then saves it as ü, the same words, the same wor…", asked "…he same words, then saves it as ö, the same words, the same wor…"`},
		"end of a message": {conversation("the user opens a file", "and"), `messages[2].content: recorded "and waits", asked "and"`},
		"first message": {with(conversation("the user opens a file", "and waits"), func(r *llm.Request) { r.Messages[0].Content = "You look after a person at work." }),
			`messages[0].content: recorded "You watch a person at work.", asked "You look after a person at work."`},
		"role":          {with(conversation("the user opens a file"), func(r *llm.Request) { r.Messages[1].Role = llm.Assistant }), `messages[1].role: recorded "user", asked "assistant"`},
		"more messages": {conversation("the user opens a file", "and waits", long+"then saves it as ü, "+long, "x"), `messages: recorded 4, asked 5`},
		"seed":          {with(conversation("the user opens a file", "and waits"), func(r *llm.Request) { r.Seed = 99 }), `seed: recorded 12, asked 99`},
		"the seed of the same replicate": {with(conversation("another session"), func(r *llm.Request) { r.Seed, r.Replicate = 15, 2 }),
			`seed: recorded 14, asked 15`},
		"replicate":   {with(conversation("the user opens a file"), func(r *llm.Request) { r.Replicate = 3 }), `replicate: recorded none, asked 3`},
		"schema":      {with(conversation("the user opens a file", "and waits"), func(r *llm.Request) { r.Schema.Schema = []byte(`{"type":"array"}`) }), `schema.schema.type: recorded "object", asked "array"`},
		"schema name": {with(conversation("another session"), func(r *llm.Request) { r.Schema.Name, r.Seed = "events", 13 }), `schema.name: recorded "proposal", asked "events"`},
		"no schema":   {with(conversation("another session"), func(r *llm.Request) { r.Schema, r.Seed = nil, 13 }), `schema: recorded "{\"name\":\"proposal\",\"schema\":{\"ty…", asked none`},
		"the name of the schema counts most": {with(conversation("the user opens a file", "and waits"), func(r *llm.Request) { r.Schema.Name = "verdict" }),
			`messages[0].content: recorded "You judge.", asked "You watch a person at work."`},
	} {
		if got := miss(t, bucket, tt.ask); !strings.HasSuffix(got, "differs first in "+tt.want) || !strings.Contains(got, ", recorded 2023-11-14T") {
			t.Errorf("%s:\n got %s\nwant …%s", name, got, tt.want)
		}
	}
}

// TestNearestIdentity: when nothing was recorded of a model, the error names the
// nearest model of which something was.
func TestNearestIdentity(t *testing.T) {
	bucket := store.NewMem()
	warm, hot := 0.7, 0.9
	for _, edit := range []func(*llm.Model){
		func(m *llm.Model) { m.Temperature = &warm },
		func(m *llm.Model) { m.Temperature, m.Model, m.MaxTokens = &warm, "other", 5 },
		func(m *llm.Model) { m.BaseURL, m.Schema = "http://127.0.0.1:9/v1", "text" },
	} {
		m := model
		edit(&m)
		l := open(t, bucket)
		c, err := l.Wrap(t.Context(), m, &provider{})
		if err != nil {
			t.Fatal(err)
		}
		chat(t, c, ask("x"))
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for want, edit := range map[string]func(*llm.Model){
		`temperature: recorded 0.7, asked 0.9`:                                     func(m *llm.Model) { m.Temperature = &hot },
		`temperature: recorded 0.7, asked none`:                                    func(*llm.Model) {},
		`maxTokens: recorded 5, asked 6`:                                           func(m *llm.Model) { m.Temperature, m.Model, m.MaxTokens = &warm, "other", 6 },
		`baseURL: recorded "http://127.0.0.1:9/v1", asked "http://127.0.0.1:8/v1"`: func(m *llm.Model) { m.BaseURL, m.Schema = "http://127.0.0.1:8/v1", "text" },
	} {
		m := model
		edit(&m)
		c, err := open(t, bucket, replayOnly).Wrap(t.Context(), m, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Chat(t.Context(), ask("x")); !errors.Is(err, ErrMiss) || !strings.HasSuffix(err.Error(), "differs first in "+want) {
			t.Errorf("got %v\nwant …%s", err, want)
		}
	}
	if got := miss(t, store.NewMem(), ask("x")); !strings.HasSuffix(got, "the ledger is empty") {
		t.Errorf("got %s", got)
	}
}

// TestMissesAreExplainedOnce: of many that miss, one looks, and all can tell.
func TestMissesAreExplainedOnce(t *testing.T) {
	bucket := &flaky{Bucket: record(t, conversation("a"))}
	c := wrap(t, open(t, bucket, replayOnly), nil)
	bucket.gets.Store(0)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := c.Chat(t.Context(), conversation(fmt.Sprint(i)))
			if !errors.Is(err, ErrMiss) || !strings.Contains(err.Error(), `differs first in messages[1].content: recorded "a"`) {
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	if n := bucket.gets.Load(); n != 1 {
		t.Errorf("%d reads, want one of the one object", n)
	}
}

// TestNearestIsTheNearest holds the search to the rule as it is written, over
// every pair of some requests.
func TestNearestIsTheNearest(t *testing.T) {
	var requests []*llm.Request
	for _, turns := range [][]string{{}, {"a"}, {"ab"}, {"ac", "d"}, {"ac", `],"seed":1}`}, {"ac", `}],"schema":{"name":"x","schema":`, "z"}, {"\\", "q"}} {
		for seed := range uint64(3) {
			for replicate := range 2 {
				for _, schema := range []string{"", "s", "t"} {
					req := conversation(turns...)
					req.Seed, req.Replicate, req.Schema = seed, replicate, nil
					if schema != "" {
						req.Schema = &llm.Schema{Name: schema, Schema: []byte(`{"a":[{"b":1}],"seed":7}`)}
					}
					requests = append(requests, req)
				}
			}
		}
	}
	b := newBook(nil, IdentityOf(model), identityDigest(t))
	seg := &segment{marks: []mark{{}}}
	var keys keyList
	for _, req := range requests {
		_, key, _ := keyOf(b.digest, req)
		keys = append(keys, key)
	}
	b.add(seg, keys)
	for _, asks := range requests {
		a, _ := canonicalRequest(asks)
		for i, recorded := range requests {
			r, _ := canonicalRequest(recorded)
			got := candidate{schema: -1}
			b.consider(keys[i], r, a, &got)
			want := 0
			if (asks.Schema == nil) == (recorded.Schema == nil) && (asks.Schema == nil || asks.Schema.Name == recorded.Schema.Name) {
				want = 1
			}
			if p := got.prefix; got.schema != want || p > len(r) || p > len(a) || string(r[:p]) != string(a[:p]) || p < min(len(r), len(a)) && r[p] == a[p] {
				t.Fatalf("asked %s\nrecorded %s\ngot %+v, want schema %d", a, r, got, want)
			}
		}
	}
}

// TestNearerCandidate: the order of what counts.
func TestNearerCandidate(t *testing.T) {
	order := []candidate{ // the nearest first
		{schema: 1, prefix: 9, at: 5, key: llm.Key{2}}, {schema: 1, prefix: 9, at: 5, key: llm.Key{3}}, {schema: 1, prefix: 9, at: 6, key: llm.Key{1}},
		{schema: 1, prefix: 8, at: 1}, {schema: 0, prefix: 99}, {schema: -1},
	}
	for i, c := range order {
		for j, d := range order {
			if got := c.compare(d); (got > 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%+v to %+v: %d", c, d, got)
			}
		}
	}
}

var atByte = regexp.MustCompile(`^(messages\[(\d+)\]\.content|schema\.name) at byte (\d+): recorded (".*"), asked (".*")$`)

// FuzzDifference: the difference that is named is real and the first, and what
// is shown of it is part of the text.
func FuzzDifference(f *testing.F) {
	f.Add("same", "the user opens…", "same", "the user closes…", "s", "s", uint64(1), uint64(1), 0, 0)
	f.Add("a", "é", "a", "è", "", "", uint64(1), uint64(2), 0, 1)
	f.Add("a", strings.Repeat("é…", 30)+"x", "a", strings.Repeat("é…", 30)+"y", "s", "s", uint64(1), uint64(1), 0, 0)
	f.Add("a\xff", "日本語", "a\xfe", "日本", "x", "", uint64(1), uint64(2), 0, 1)
	f.Fuzz(func(t *testing.T, r1, r2, a1, a2, rs, as string, rSeed, aSeed uint64, rRep, aRep int) {
		build := func(one, two, schema string, seed uint64, rep int) []byte {
			req := &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: one}}, Seed: seed % (1 << 53), Replicate: int(int32(rep))}
			if two != "" {
				req.Messages = append(req.Messages, llm.Message{Role: llm.User, Content: two})
			}
			if schema != "" {
				req.Schema = &llm.Schema{Name: schema, Schema: []byte(`{"of":` + strconv.Itoa(len(schema)) + `}`)}
			}
			canon, err := canonicalRequest(req)
			if err != nil {
				t.Fatal(err)
			}
			return canon
		}
		r, a := build(r1, r2, rs, rSeed, rRep), build(a1, a2, as, aSeed, aRep)
		diff := firstDifference("", members(r), members(a))
		if (diff == "") != (string(r) == string(a)) {
			t.Fatalf("recorded %s\nasked %s\n%q", r, a, diff)
		}
		if !utf8.ValidString(diff) || len(diff) > 2048 {
			t.Errorf("%d bytes: %q", len(diff), diff)
		}
		m := atByte.FindStringSubmatch(diff)
		if m == nil || m[2] == "" {
			return
		}
		var rr, ar llm.Request
		if json.Unmarshal(r, &rr) != nil || json.Unmarshal(a, &ar) != nil {
			t.Fatal("not JSON")
		}
		i, _ := strconv.Atoi(m[2])
		at, _ := strconv.Atoi(m[3])
		rt, at2 := rr.Messages[i].Content, ar.Messages[i].Content
		if at > min(len(rt), len(at2)) || rt[:at] != at2[:at] || firstRune(rt[at:]) == firstRune(at2[at:]) {
			t.Errorf("%s: %q and %q do not differ first at %d", diff, rt, at2, at)
		}
		for i := range i {
			if rr.Messages[i] != ar.Messages[i] {
				t.Errorf("%s: message %d differs before", diff, i)
			}
		}
		for text, quoted := range map[string]string{rt: m[4], at2: m[5]} {
			shown, err := strconv.Unquote(quoted)
			if err != nil || !strings.Contains(text, strings.TrimSuffix(strings.TrimPrefix(shown, "…"), "…")) && !strings.Contains(text, shown) {
				t.Errorf("%s is not part of %q (%v)", quoted, text, err)
			}
		}
	})
}

// firstRune returns the first character, or "" of nothing.
func firstRune(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}
