package rewardmodel

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/gymline/gymline/internal/madeup"
	"github.com/gymline/gymline/internal/trace"
)

// TestAFoldIsAModelOfTheRest compares the models that learn side by side with
// the straightforward way: for each fold, training on the rows outside it and
// nothing else, and asking that model's scorer about the rows within.
func TestAFoldIsAModelOfTheRest(t *testing.T) {
	for _, tests := range []bool{false, true} {
		rows := variety(21, 14, tests)
		o := quick(options(1))
		o.Folds = 4
		d := new(Dataset)
		for i := range rows {
			d.Add(&rows[i])
		}
		d.sort()
		tr, held := d.trainer(o), d.noScores()
		folds, n := tr.fold, tr.Folds
		full, _, err := tr.fitAll(t.Context(), &held)
		if err != nil {
			t.Fatal(err)
		}
		for f := range n {
			var rest []trace.Judged
			for i := range rows {
				if folds[d.rows[i].group] != f {
					rest = append(rest, rows[i])
				}
			}
			of := &Dataset{taught: []madeup.Family{}} // made-up rows would be others
			for i := range rest {
				of.Add(&rest[i])
			}
			alone, _, err := of.Train(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range rows {
				if folds[d.rows[i].group] != f {
					continue
				}
				if got, want := held.rows[i], alone.Scorer().Score(r.History, r.Task).Score; got != want {
					t.Fatalf("tests %v, fold %d, row %d: scored %v, and %v by the model of the rest", tests, f, i, got, want)
				}
			}
			if f == 0 && fmt.Sprint(*full.taskModel) == fmt.Sprint(alone.Task) {
				t.Error("a fold's model is the model of all rows: nothing is held out")
			}
		}
	}
}

// TestMadeUpRowsHoldOut: no fold's model learns from a made-up row that has words of a group
// which it holds out, and all of them weigh what they should.
func TestMadeUpRowsHoldOut(t *testing.T) {
	d, o := new(Dataset), quick(options(1))
	for _, r := range variety(21, 14, true) {
		d.Add(&r)
	}
	d.makeUp(o.Rand("madeup"))
	d.sort()
	o.Folds = 4
	tr := d.trainer(o)
	all := tr.tally(func(int) bool { return true })
	for fold := range 4 {
		f, learnt, far := tr.begin(fold, all), 0, 0
		for g := range d.groups {
			for _, m := range d.groups[g].made {
				if m.from == int32(g) {
					t.Errorf("group %d: a made-up row from elsewhere has its own words", g)
				}
				if tr.fold[g] != fold && !tr.holds(f, m.from) {
					learnt++
				}
				far += index(tr.holds(f, m.from))
			}
		}
		if want := madeShare * float64(f.accepts.rows()); far == 0 || math.Abs(f.made*float64(learnt)-want) > 1e-9 {
			t.Errorf("fold %d: %d made-up rows weigh %v, want %v; %d have words that are held out", fold, learnt, f.made*float64(learnt), want, far)
		}
	}
}

// TestProcessorsChangeNothing: sums are in the order of the rows.
func TestProcessorsChangeNothing(t *testing.T) {
	rows := variety(5, 40, true)
	var first []byte
	for _, procs := range []int{1, 4} {
		before := runtime.GOMAXPROCS(procs)
		o := quick(options(5))
		o.Workers = procs
		model, m, err := Train(t.Context(), rows, o)
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		got := append(encode(t, model), encode(t, m)...)
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Errorf("with %d processors the bytes differ", procs)
		}
	}
}

// TestALongSessionTakesLinearMemory: a history is an event more than the one
// before, and not a copy of it.
func TestALongSessionTakesLinearMemory(t *testing.T) {
	size := func(turns int) (d *Dataset, heap int64) {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d = new(Dataset)
		history := make([]trace.Event, 0, turns)
		for i := range turns {
			history = append(history, trace.Event{Time: fmt.Sprint(i), Text: fmt.Sprintf("The user looks at item number %d of the long list.", i)})
			d.Add(&trace.Judged{Group: "g", Trace: "t", History: history[: i+1 : i+1], Accepted: true})
		}
		history = nil
		runtime.GC()
		runtime.ReadMemStats(&after)
		return d, int64(after.HeapAlloc) - int64(before.HeapAlloc)
	}
	a, small := size(1000)
	b, large := size(8000)
	if len(a.turns) != 1000 || len(b.turns) != 8000 || len(b.texts) != 8000 {
		t.Errorf("%d and %d turns, %d texts", len(a.turns), len(b.turns), len(b.texts))
	}
	if large > 16*small || large > 8000*2000 {
		t.Errorf("1,000 turns take %d bytes and 8,000 take %d: want about 8 times as much", small, large)
	}
}

// TestHistoriesAreToldApart: rows share a turn when their histories are equal,
// however they come, and never else.
func TestHistoriesAreToldApart(t *testing.T) {
	e := func(time, text string) trace.Event { return trace.Event{Time: time, Text: text} }
	a, b, c := e("1", "a"), e("2", "b"), e("3", "c")
	d := new(Dataset)
	var got []int32
	for _, r := range []trace.Judged{
		{Trace: "x", History: []trace.Event{a, b, c}},
		{Trace: "x", History: []trace.Event{a, b}},
		{Trace: "x", History: []trace.Event{a, b, c}},
		{Trace: "y", History: []trace.Event{a, b, c}},
		{Trace: "x", History: []trace.Event{a, e("2", "bb"), c}},
		{Trace: "x", History: []trace.Event{a, e("20", "b"), c}},
		{Trace: "x", History: []trace.Event{c}},
		{Trace: "x", History: []trace.Event{slices.Clone([]trace.Event{a})[0], b, c}},
	} {
		r.Group = r.Trace
		d.Add(&r)
		got = append(got, d.last.path[len(d.last.path)-1])
	}
	for i, x := range got {
		for j, y := range got {
			same := i == j || slices.Contains([]int{0, 2, 7}, i) && slices.Contains([]int{0, 2, 7}, j)
			if (x == y) != same {
				t.Errorf("rows %d and %d: turns %d and %d", i, j, x, y)
			}
		}
	}
	d.sort()
	if got, want := d.groups[0].rows, []int32{0, 2, 7, 1, 4, 5, 6}; !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v: turns in the order of their first rows, and their rows in theirs", got, want)
	}
}

// TestProgress: it starts at once, only grows, and ends whole.
func TestProgress(t *testing.T) {
	var told []float64
	o := quick(options(1))
	o.Progress = func(done float64) { told = append(told, done) }
	if _, _, err := Train(t.Context(), world(1, 300, 15, truth), o); err != nil {
		t.Fatal(err)
	}
	if len(told) < 100 || told[0] > 0.5 || told[len(told)-1] != 1 || !slices.IsSorted(told) {
		t.Errorf("%d times, from %v to %v", len(told), told[0], told[len(told)-1])
	}
}
