package curate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

var params = plan.Curate{Duplicates: 0.9, Leakage: 0.8, MaxAccepted: 1}

// A gym is what generate wrote.
type gym struct {
	scenes   []trace.Scene
	episodes []trace.Episode
}

func (g *gym) scene(domain, goal string) string {
	s := trace.Scene{ID: fmt.Sprintf("scene-%05d", len(g.scenes)), Domain: domain, User: trace.User{Description: "A person.", Goal: goal}}
	g.scenes = append(g.scenes, s)
	return s.ID
}

// play adds a session of the latest scene.
func (g *gym) play(turns ...trace.Turn) {
	s := g.scenes[len(g.scenes)-1]
	n := 0
	for _, e := range g.episodes {
		if e.Scene == s.ID {
			n++
		}
	}
	g.episodes = append(g.episodes, trace.Episode{
		Scene: s.ID, End: "goal", Trace: trace.Trace{ID: fmt.Sprintf("%s/%d", s.ID, n), Domain: s.Domain, Turns: turns},
	})
}

// judged is a judged turn; of the tasks, the one at index best is accepted, -1: none.
func judged(event string, best int, tasks ...string) trace.Turn {
	t := trace.Turn{Event: trace.Event{Time: "1717378000.744", Text: event}, Proposals: tasks, Judgement: &trace.Judgement{Accepted: best >= 0}}
	if tasks == nil {
		t.Proposals = []string{}
	} else if best >= 0 {
		t.Judgement.Task = &best
	}
	return t
}

func encode[T any](t *testing.T, list []T) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, v := range list {
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func decode[T any](t *testing.T, data []byte) []T {
	t.Helper()
	var list []T
	for dec := json.NewDecoder(bytes.NewReader(data)); dec.More(); {
		var v T
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// A result is what the job wrote.
type result struct {
	episodes []trace.Episode
	ledger   []rows.Row
	curation trace.Curation
	raw      []byte // all outputs
}

// curate runs the job and checks what holds always: nothing but Excluded changed,
// every judged row ends once, and the sums agree.
func curate(t *testing.T, g *gym, p plan.Curate, edit ...func(*jobtest.Case)) (result, error) {
	t.Helper()
	c := jobtest.Case{Job: plan.JobCurate, Func: Run, Params: p, Seed: 7, Upstream: map[string][][]byte{
		"written-scenes": {encode(t, g.scenes)}, "episodes": {encode(t, g.episodes)},
	}}
	for _, e := range edit {
		e(&c)
	}
	res, err := jobtest.Run(t, c)
	if err != nil {
		return result{}, err
	}
	var r result
	for _, name := range []string{plan.EpisodesOutput, plan.RowsOutput, plan.CurationOutput} {
		r.raw = append(r.raw, res.Output(t, name)...)
	}
	r.episodes = decode[trace.Episode](t, res.Output(t, plan.EpisodesOutput))
	r.ledger = decode[rows.Row](t, res.Output(t, plan.RowsOutput))
	if err := json.Unmarshal(res.Output(t, plan.CurationOutput), &r.curation); err != nil {
		t.Fatal(err)
	}
	check(t, g, &r)
	return r, nil
}

func check(t *testing.T, g *gym, r *result) {
	t.Helper()
	var planned, left []string
	for i := range g.episodes {
		for _, j := range g.episodes[i].Judged() {
			planned = append(planned, j.ID)
		}
	}
	bare := decode[trace.Episode](t, encode(t, r.episodes))
	for i := range bare {
		for _, j := range r.episodes[i].Judged() {
			left = append(left, j.ID)
		}
		for n := range bare[i].Turns {
			bare[i].Turns[n].Excluded = ""
		}
	}
	if !bytes.Equal(encode(t, bare), encode(t, g.episodes)) {
		t.Error("the episodes are other ones, besides what is excluded")
	}
	var all, accepted []string
	counts := rows.Counts{}
	for _, row := range r.ledger {
		if err := counts.Add(row); err != nil {
			t.Error(err)
		}
		all = append(all, row.ID)
		if row.State == rows.Accepted {
			accepted = append(accepted, row.ID)
		}
	}
	if !slices.Equal(all, planned) {
		t.Errorf("the ledger has %d rows, the gym gave %d", len(all), len(planned))
	}
	if !slices.Equal(accepted, left) || counts.Yields != len(left) {
		t.Errorf("accepted %d and yielded %d; the next steps find %d", len(accepted), counts.Yields, len(left))
	}
	sum := 0
	for _, c := range r.curation.Total.Causes {
		if counts.Causes[c.Cause] != c.Rows {
			t.Errorf("%q: %d in the curation, %d in the ledger", c.Cause, c.Rows, counts.Causes[c.Cause])
		}
		sum += c.Rows
	}
	if c := r.curation.Total; c.Before.Rows != len(planned) || c.After.Rows != len(left) || c.Before.Rows-sum != c.After.Rows {
		t.Errorf("the curation does not add up: %+v", c)
	}
}

// excluded are the turns that are left out, with why.
func (r *result) excluded() []string {
	var list []string
	for _, e := range r.episodes {
		for n, turn := range e.Turns {
			if turn.Excluded != "" {
				list = append(list, trace.TurnID(e.ID, n)+": "+turn.Excluded)
			}
		}
	}
	return list
}

func benchmark(events ...string) fs.FS {
	var list []map[string]any
	for _, e := range events {
		list = append(list, map[string]any{"observation": trace.Event{Time: "1717378000.744", Text: e}})
	}
	data, _ := json.Marshal(list)
	return fstest.MapFS{"bench/code_1.json": {Data: data}, "bench/deeper/code_2.json": {Data: []byte("not read")}}
}

func TestWhatIsLeftOutAndWhy(t *testing.T) {
	const long = "The user opens the monthly sales report of the northern region in the spreadsheet and sorts its rows by the third column"
	var g gym
	g.scene("coding", "Repair the parser of the settings file before the release on Friday")
	g.play(
		judged(long, -1), // used
		judged(long, -1), // the same
		judged(long, 0, "Draw a chart of the sales"), // another row: a task, not silence
		judged(long, 0, "Send the report to the manager"),
		judged(long+" again", -1, "Draw a chart of the sales"),                       // 18 of 19 threes
		trace.Turn{Event: trace.Event{Time: "1", Text: long}, Proposals: []string{}}, // not judged: no row
	)
	g.play(judged("The user compiles the program and the linker reports an undefined symbol named main.", 1, "Look up the error", "Explain the error", "Never judged"))
	g.scene("coding", "Repair the parser of the settings file before the release on Friday!")
	g.play(judged("Nothing like this happened before at all.", -1))
	g.scene("daily", "Plan a birthday party")
	g.play(judged("The user compiles the program and the linker reports an undefined symbol named main.", -1, "Bake a cake"), judged("The user orders a cake.", -1))

	p := params
	p.Benchmark = &plan.File{Input: "data", Path: "bench"}
	p.Inputs = &plan.GymInputs{}
	if _, err := curate(t, &g, plan.Curate{Duplicates: 0.9, Leakage: 0.8, MaxAccepted: 1, Benchmark: p.Benchmark}); fault.Code(err) != fault.Config {
		t.Errorf("a plan without inputs: %v", err)
	}
	r, err := curate(t, &g, p, func(c *jobtest.Case) {
		c.Files = map[string]fs.FS{"data": benchmark("The user sleeps", "the user compiles the program, and the linker reports an undefined symbol named _main")}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"scene-00000/0/1: near-duplicate of scene-00000/0/0",
		"scene-00000/0/4: near-duplicate of scene-00000/0/2",
		"scene-00000/1/0: leaks benchmark event code_1/1",
		"scene-00001/0/0: near-duplicate of scene scene-00000",
		"scene-00002/0/0: leaks benchmark event code_1/1",
	}
	if got := r.excluded(); !slices.Equal(got, want) {
		t.Errorf("left out:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if c := r.curation; c.Scenes != 3 || c.SceneDuplicates != 1 || c.BenchmarkEvents != 2 || len(c.Domains) != 2 || c.Domains[0].Domain != "coding" ||
		c.Domains[0].Before != (trace.RowShare{Rows: 8, Accepted: 3, Share: 0.375}) || c.Domains[0].After != (trace.RowShare{Rows: 3, Accepted: 2, Share: 2. / 3}) {
		t.Errorf("curation %+v", c)
	}
	for _, pair := range r.curation.Pairs {
		if pair.Text == "" || pair.LikeText == "" || pair.Similarity < 0.8 {
			t.Errorf("pair %+v", pair)
		}
	}
	if len(r.curation.Pairs) != 5 {
		t.Errorf("%d pairs", len(r.curation.Pairs))
	}
}

// A turn that leaks is not used, so nothing is a copy of it.
func TestCopiesOfALeakAreNoDuplicates(t *testing.T) {
	const event = "The user opens the monthly sales report of the northern region in the spreadsheet and sorts its rows by the third column"
	var g gym
	g.scene("coding", "a goal")
	g.play(
		judged(event+" again", -1),           // like the benchmark's
		judged(event+" again and again", -1), // like that one alone
		judged(event+" again and again", -1), // like the one before
	)
	p := params
	p.Duplicates, p.Leakage, p.Benchmark = 0.85, 0.94, &plan.File{Input: "data", Path: "bench"}
	p.Inputs = &plan.GymInputs{}
	r, err := curate(t, &g, p, func(c *jobtest.Case) { c.Files = map[string]fs.FS{"data": benchmark(event)} })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"scene-00000/0/0: leaks benchmark event code_1/0", "scene-00000/0/2: near-duplicate of scene-00000/0/1"}
	if got := r.excluded(); !slices.Equal(got, want) {
		t.Errorf("left out %q, want %q", got, want)
	}
}

// random is a gym of unlike rows in the domains, with up to so many candidates.
func random(rng *rand.Rand, sessions, candidates int, domains ...string) *gym {
	g := &gym{}
	word := func() string { return fmt.Sprintf("word%d", rng.IntN(5000)) }
	text := func() string { return strings.Join([]string{word(), word(), word(), word(), word(), word()}, " ") }
	for i := range sessions {
		g.scene(domains[i%len(domains)], text())
		var turns []trace.Turn
		for range 1 + rng.IntN(12) {
			var tasks []string
			for range rng.IntN(candidates + 1) {
				tasks = append(tasks, text())
			}
			turns = append(turns, judged(text(), rng.IntN(len(tasks)+2)-1-len(tasks)/2, tasks...))
			if last := &turns[len(turns)-1]; last.Judgement.Task != nil && *last.Judgement.Task >= len(tasks) {
				last.Judgement.Task, last.Judgement.Accepted = nil, false
			}
		}
		g.play(turns...)
	}
	return g
}

func TestBalanceHoldsInEachDomain(t *testing.T) {
	for round := range 40 {
		rng := rand.New(rand.NewPCG(7, uint64(round)))
		g := random(rng, 20, 1+round%4, "coding", "daily")
		p := params
		p.MinAccepted = rng.Float64()
		p.MaxAccepted = p.MinAccepted + (1-p.MinAccepted)*rng.Float64()
		r, err := curate(t, g, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.curation.Domains {
			if n := d.After; n.Rows > 0 && (n.Share < p.MinAccepted-1e-9 || n.Share > p.MaxAccepted+1e-9) {
				t.Errorf("%s: share %v is outside [%v, %v]", d.Domain, n.Share, p.MinAccepted, p.MaxAccepted)
			}
			if b := d.Before; b.Share >= p.MinAccepted && b.Share <= p.MaxAccepted && d.After != b {
				t.Errorf("%s: %+v was in balance and became %+v", d.Domain, b, d.After)
			}
		}
	}
}

// A bound so near to none or all that a turn seems to hold it, and the sum does not.
func TestBalanceAtTheEdge(t *testing.T) {
	for _, c := range []struct {
		min, max float64
		best     int // of each turn
	}{{1e-10, 1, -1}, {0, 1 - 5e-10, 0}, {1e-10, 1 - 1e-10, -1}} {
		var g gym
		g.scene("daily", "a goal")
		for i := range 50 {
			g.play(judged(fmt.Sprintf("event %d of %d things", i, i*7), c.best))
		}
		p := params
		p.MinAccepted, p.MaxAccepted = c.min, c.max
		r, err := curate(t, &g, p)
		if err != nil {
			t.Fatal(err)
		}
		if n := r.curation.Total.After; n.Rows > 0 && (n.Share < c.min-1e-9 || n.Share > c.max+1e-9) {
			t.Errorf("[%v, %v]: %+v", c.min, c.max, n)
		}
	}
}

// With one row a turn, no row more than needed is left out.
func TestBalanceLeavesOutNoMoreThanNeeded(t *testing.T) {
	var g gym
	g.scene("daily", "a goal")
	for i := range 100 {
		g.play(judged(fmt.Sprintf("event %d of %d things", i, i*7), i%10-1)) // 90 accepted, 10 rejected
	}
	p := params
	p.MaxAccepted = 0.75
	r, err := curate(t, &g, p)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.curation.Total.After; got.Rows != 40 || got.Accepted != 30 {
		t.Errorf("%+v, want 30 of 40", got)
	}
	if got := r.excluded(); len(got) != 60 || !strings.HasSuffix(got[0], ": acceptance balance") {
		t.Errorf("left out %q", got)
	}
}

func TestQuotaIsReachedExactly(t *testing.T) {
	reached := 0
	for round := range 60 {
		rng := rand.New(rand.NewPCG(11, uint64(round)))
		g := random(rng, 60, 1+round%5, "coding", "daily", "writing")
		p := params
		p.MinAccepted, p.MaxAccepted, p.Quota = 0.2, 0.6, 20+rng.IntN(60)
		r, err := curate(t, g, p)
		if err != nil {
			if !strings.Contains(err.Error(), "too few are left") {
				t.Error(err)
			}
			continue
		}
		reached++
		for _, d := range r.curation.Domains {
			if n := d.After; n.Rows != p.Quota || n.Share < 0.2 || n.Share > 0.6 {
				t.Errorf("%s: %+v, want %d rows", d.Domain, n, p.Quota)
			}
		}
	}
	if reached < 30 {
		t.Errorf("only %d quotas could be filled: the gyms are no test", reached)
	}
}

// settle against every choice there is.
func TestSettleFindsWhatThereIs(t *testing.T) {
	found, impossible := 0, 0
	for round := range 3000 {
		rng := rand.New(rand.NewPCG(3, uint64(round)))
		var kinds []kind
		all := sum{}
		for n := 1; n <= 4; n++ {
			for a := range 2 {
				if rng.IntN(3) == 0 {
					k := kind{rows: n, accepted: a, turns: make([]int32, 1+rng.IntN(6))}
					kinds = append(kinds, k)
					all.rows += n * len(k.turns)
					all.accepted += a * len(k.turns)
				}
			}
		}
		if all.rows == 0 {
			continue
		}
		q := 1 + rng.IntN(all.rows)
		share := float64(all.accepted) / float64(all.rows) * float64(q)
		low, high := max(0, int(share)-rng.IntN(3)), int(share)+1+rng.IntN(3)
		sums := map[sum]bool{{}: true}
		for i := range kinds {
			k := &kinds[i]
			k.take = len(k.turns) * q / all.rows
			next := map[sum]bool{}
			for s := range sums {
				for d := range len(k.turns) + 1 {
					next[sum{s.rows + d*k.rows, s.accepted + d*k.accepted}] = true
				}
			}
			sums = next
		}
		want := false
		for a := low; a <= high; a++ {
			want = want || sums[sum{q, a}]
		}
		if got := settle(kinds, q, low, high); got != want {
			t.Fatalf("round %d: %d rows, %d to %d accepted out of %v: %v, want %v", round, q, low, high, kinds, got, want)
		}
		if !want {
			impossible++
			continue
		}
		found++
		got := sum{}
		for _, k := range kinds {
			if k.take < 0 || k.take > len(k.turns) {
				t.Fatalf("takes %d of %d", k.take, len(k.turns))
			}
			got.rows += k.take * k.rows
			got.accepted += k.take * k.accepted
		}
		if got.rows != q || got.accepted < low || got.accepted > high {
			t.Fatalf("%v, want %d rows and %d to %d accepted", got, q, low, high)
		}
	}
	if found < 1000 || impossible < 50 {
		t.Errorf("%d possible, %d not: no test", found, impossible)
	}
}

func TestShortDomainsAreNamed(t *testing.T) {
	var g gym
	for i := range 10 {
		g.scene([]string{"coding", "daily"}[i%2], fmt.Sprintf("goal %d of %d", i, i+20))
		for k := range 4 + i%2 {
			g.play(judged(fmt.Sprintf("event %d in %d at %d", i, k, i*k+100), -1))
		}
	}
	g.scene("writing", "a goal without sessions")
	p := params
	p.Quota = 22
	_, err := curate(t, &g, p)
	if err == nil || fault.Code(err) != fault.Permanent {
		t.Fatalf("got %v", err)
	}
	if want := "curate: the quota is 22 rows for each domain, and too few are left: coding has 20, writing has 0"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwant %s", err, want)
	}
	g.scenes = g.scenes[:10]
	_, err = curate(t, &g, p)
	if want := "about 55 sessions in all would do (there are 45): raise "; !strings.HasPrefix(fault.Hint(err), want) {
		t.Errorf("hint %q, want %q", fault.Hint(err), want)
	}
}

func TestRowsOfATurnStayTogether(t *testing.T) {
	var g gym
	g.scene("coding", "a goal")
	for i := range 10 {
		g.play(judged(fmt.Sprintf("event %d of %d", i, i*3), -1, fmt.Sprint("do ", i), fmt.Sprint("leave ", i)))
	}
	p := params
	p.Quota = 7
	if _, err := curate(t, &g, p); err == nil || !strings.Contains(err.Error(), "coding: no choice of turns has exactly 7 rows") || fault.Code(err) != fault.Permanent {
		t.Errorf("7 rows in twos: %v", err)
	}
	p.Quota = 8
	if _, err := curate(t, &g, p); err != nil {
		t.Error(err)
	}
}

// Neither how many shards wrote the episodes nor what another domain holds
// changes what is left out.
func TestSameBytesWhateverTheShards(t *testing.T) {
	g := random(rand.New(rand.NewPCG(5, 5)), 60, 3, "coding", "daily")
	p := params
	p.MinAccepted, p.MaxAccepted, p.Quota = 0.3, 0.5, 40
	whole, err := curate(t, g, p)
	if err != nil {
		t.Fatal(err)
	}
	split, err := curate(t, g, p, func(c *jobtest.Case) {
		c.Upstream["written-scenes"] = [][]byte{encode(t, g.scenes[:20]), encode(t, g.scenes[20:])}
		c.Upstream["episodes"] = [][]byte{encode(t, g.episodes[:20]), nil, encode(t, g.episodes[20:])}
		c.InFlight = 1
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(whole.raw, split.raw) {
		t.Error("shards changed what is left out")
	}
	other, err := curate(t, g, p, func(c *jobtest.Case) { c.Seed = 8 })
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(whole.raw, other.raw) {
		t.Error("the seed has no part in the choice")
	}
}

func TestNothingToCurate(t *testing.T) {
	r, err := curate(t, &gym{}, params)
	if err != nil || len(r.episodes) > 0 || r.curation.Domains == nil {
		t.Errorf("%v %+v", err, r.curation)
	}
}

// A whole job on a hundred thousand rows: reading, choosing and writing.
func BenchmarkJob(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 5))
	word := func() string { return fmt.Sprintf("word%d", int(20000*rng.Float64()*rng.Float64()*rng.Float64())) }
	text := func(n int) string {
		w := make([]string, n)
		for i := range w {
			w[i] = word()
		}
		return strings.Join(w, " ")
	}
	g := &gym{}
	const sessions = 5000
	for i := range sessions {
		s := trace.Scene{ID: fmt.Sprintf("scene-%05d", i), Domain: []string{"coding", "daily", "writing"}[i%3], User: trace.User{Goal: text(20)}}
		e := trace.Episode{Scene: s.ID, Trace: trace.Trace{ID: s.ID + "/0", Domain: s.Domain}}
		for range 20 {
			e.Turns = append(e.Turns, judged(text(25), rng.IntN(2)-1, text(8)))
		}
		g.scenes, g.episodes = append(g.scenes, s), append(g.episodes, e)
	}
	t := &testing.T{}
	scenes, episodes := encode(t, g.scenes), encode(t, g.episodes)
	p := params
	p.MinAccepted, p.MaxAccepted, p.Quota = 0.4, 0.45, 20000
	for b.Loop() {
		if _, err := jobtest.Run(t, jobtest.Case{Job: plan.JobCurate, Func: Run, Params: p, Seed: 7, Upstream: map[string][][]byte{
			"written-scenes": {scenes}, "episodes": {episodes},
		}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/(sessions*20), "µs/row")
}

// What the job takes for a turn's rows is what the steps after unroll.
func TestJudgeAgreesWithTheRecords(t *testing.T) {
	one, three := 1, 3
	for _, c := range []struct {
		turn           trace.Turn
		rows, accepted int
	}{
		{judged("silence", 0), 1, 1},
		{judged("silence", -1), 1, 0},
		{judged("task", 0, "a"), 1, 1},
		{judged("task", -1, "a"), 1, 0},
		{judged("second", 1, "a", "b", "c"), 2, 1},
		{judged("none", -1, "a", "b", "c"), 3, 0},
		{trace.Turn{Judgement: &trace.Judgement{Task: &one}, Proposals: []string{"a", "b"}}, 2, 0},
		{trace.Turn{}, 0, 0},
	} {
		tr := trace.Trace{ID: "t", Turns: []trace.Turn{c.turn}}
		accepted := 0
		list := tr.Judged(trace.Gym, "g")
		for _, j := range list {
			if j.Accepted {
				accepted++
			}
		}
		if rows, yes := c.turn.Rows(); rows != len(list) || yes != accepted || rows != c.rows || yes != c.accepted {
			t.Errorf("%+v: %d rows, %d accepted; the records have %d and %d, want %d and %d", c.turn, rows, yes, len(list), accepted, c.rows, c.accepted)
		}
	}
	if rows, _ := (&trace.Turn{Judgement: &trace.Judgement{Accepted: true, Task: &three}, Proposals: []string{"a"}}).Rows(); rows != 0 {
		t.Errorf("a verdict on no candidate is %d rows", rows)
	}
}
