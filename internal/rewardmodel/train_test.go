package rewardmodel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/trace"
)

// topics and acts make up small worlds: in each trace a person works on topics,
// and a proposal is welcome when it is about the last event's topic after a
// search; silence is welcome after anything but a search.
var (
	topics = strings.Fields("alps boats cheese dragons engines ferns guitars horses islands jazz kites lamps maps nails owls pears quilts roses ships tulips")
	acts   = []string{"searches for '%s guide'", "opens the page '%s'", "types a note on %s", "scrolls through %s"}
)

// world makes judged rows of that many traces. label turns the true verdict
// into the row's.
func world(root uint64, traces, turns int, label func(rng *rand.Rand, truth bool) bool) []trace.Judged {
	rng := rand.New(rand.NewPCG(root, 1))
	var rows []trace.Judged
	for tr := range traces {
		var history []trace.Event
		clock := 1_700_000_000 + 1000*tr
		for range turns {
			topic, act := topics[rng.IntN(len(topics))], rng.IntN(len(acts))
			clock += 5 + rng.IntN(60)
			history = append(history, trace.Event{Time: fmt.Sprint(clock), Text: "The user " + fmt.Sprintf(acts[act], topic) + "."})
			row := trace.Judged{Group: fmt.Sprintf("scene-%05d", tr), Trace: fmt.Sprintf("scene-%05d/0", tr), History: slices.Clone(history), Source: "gym"}
			truth := act != 0
			if rng.IntN(3) > 0 {
				about := topic
				if rng.IntN(2) == 0 {
					about = topics[rng.IntN(len(topics))]
				}
				task := "Collect the best links about " + about
				row.Task, truth = &task, act == 0 && about == topic
			}
			row.Accepted = label(rng, truth)
			rows = append(rows, row)
		}
	}
	return rows
}

func truth(_ *rand.Rand, v bool) bool { return v }

func quick(o Options) Options {
	o.Resamples, o.TaskLambda, o.NeedLambda = 50, 10, 10
	return o
}

// Train trains on rows.
func Train(ctx context.Context, rows []trace.Judged, o Options) (*Model, *Metrics, error) {
	d := new(Dataset)
	for i := range rows {
		d.Add(&rows[i])
	}
	return d.Train(ctx, o)
}

func TestTrainLearnsTheGym(t *testing.T) {
	rows := world(1, 24, 15, truth)
	model, m, err := Train(t.Context(), rows, quick(options(1)))
	if err != nil {
		t.Fatal(err)
	}
	if m.TraceHeldOut.AUC < 0.9 || m.TraceHeldOut.F1 < 0.75 {
		t.Errorf("AUC %.3f, F1 %.3f on traces never seen: the rule is in the words", m.TraceHeldOut.AUC, m.TraceHeldOut.F1)
	}
	if m.Official != nil || m.Leakage != nil || m.CrossValidation != nil {
		t.Error("without test rows there is only traceHeldOut")
	}
	if m.TraceHeldOut.Rows != len(rows) || m.TraceHeldOut.Traces != 24 || m.Folds != 24 {
		t.Errorf("%d rows of %d traces in %d folds", m.TraceHeldOut.Rows, m.TraceHeldOut.Traces, m.Folds)
	}
	if got := m.TraceHeldOut; got.TP+got.FP+got.TN+got.FN != got.Rows || got.F1CI[0] > got.F1 || got.F1CI[1] < got.F1 {
		t.Errorf("counts or interval do not fit: %+v", got)
	}
	last := []trace.Event{{Time: "1", Text: "The user opens the page 'owls'."}, {Time: "9", Text: "The user searches for 'ferns guide'."}}
	right, wrong := "Collect the best links about ferns", "Collect the best links about owls"
	if a, b := model.Scorer().Score(last, &right), model.Scorer().Score(last, &wrong); !a.Accepted || b.Accepted {
		t.Errorf("about the last search: %+v; about something else: %+v", a, b)
	}
	if model.Scorer().Score(last, nil).Accepted || !model.Scorer().Score(last[:1], nil).Accepted {
		t.Error("silence is wrong right after a search, and right before it")
	}
}

// TestNothingToLearn is a trap for optimistic bookkeeping: with labels drawn by
// lot, no honest protocol finds anything.
func TestNothingToLearn(t *testing.T) {
	sum := 0.0
	for root := range uint64(5) {
		rows := world(root, 40, 10, func(rng *rand.Rand, _ bool) bool { return rng.IntN(2) == 0 })
		o := quick(options(root))
		o.Folds = 4
		_, m, err := Train(t.Context(), rows, o)
		if err != nil {
			t.Fatal(err)
		}
		sum += m.TraceHeldOut.AUC / 5
	}
	if sum < 0.46 || sum > 0.54 {
		t.Errorf("mean AUC %.3f on labels drawn by lot, want about 0.5", sum)
	}
}

// TestLeakIsFound gives each turn a need drawn by lot that a training row of the
// same history reveals: a lookup answers every test row, and the protocol that
// holds traces out must not.
func TestLeakIsFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	var rows []trace.Judged
	for _, r := range world(9, 40, 12, truth) {
		need := rng.IntN(2) == 0
		for _, split := range []string{"train", "test"} {
			r.Split, r.HelpNeeded, r.Accepted = split, &need, need == (r.Task != nil)
			rows = append(rows, r)
		}
	}
	o := quick(options(1))
	o.Folds = 5
	_, m, err := Train(t.Context(), rows, o)
	if err != nil {
		t.Fatal(err)
	}
	if m.Leakage == nil || m.Leakage.SameHistory != 480 || m.Leakage.SameTrace != 480 || m.Leakage.TestRows != 480 {
		t.Fatalf("leakage %+v, want all of 480 test rows", m.Leakage)
	}
	if m.Leakage.LookupF1 != 1 || m.Baselines.SiblingLookup == nil || !m.Official.Leaky || m.TraceHeldOut.Leaky {
		t.Errorf("lookup F1 %v, official leaky %v", m.Leakage.LookupF1, m.Official.Leaky)
	}
	if auc := m.TraceHeldOut.AUC; auc < 0.42 || auc > 0.58 {
		t.Errorf("AUC %.3f with whole traces held out, want about 0.5", auc)
	}
	if m.CrossValidation == nil || m.CrossValidation.Rows != 480 {
		t.Error("the training rows are cross-validated beside the test rows")
	}
}

// TestAMissingTestSplitIsTold: without it traceHeldOut means other rows.
func TestAMissingTestSplitIsTold(t *testing.T) {
	rows := world(3, 12, 10, func(rng *rand.Rand, _ bool) bool { return rng.IntN(2) == 0 })
	for i := range rows {
		rows[i].Source = trace.ProactiveBench
	}
	_, m, err := Train(t.Context(), rows, quick(options(1)))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Warnings) == 0 || !strings.Contains(m.Warnings[0], "test_data.jsonl") {
		t.Errorf("warnings %q", m.Warnings)
	}
}

// TestGroupsAreTheUnit repeats every session word for word within its scene:
// folds and bootstrap draws must not take the copy for more evidence.
func TestGroupsAreTheUnit(t *testing.T) {
	rows := world(3, 12, 10, func(rng *rand.Rand, _ bool) bool { return rng.IntN(2) == 0 })
	for _, r := range rows {
		r.Trace = strings.TrimSuffix(r.Trace, "0") + "1"
		rows = append(rows, r)
	}
	_, grouped, err := Train(t.Context(), rows, quick(options(1)))
	if err != nil {
		t.Fatal(err)
	}
	if h := grouped.TraceHeldOut; h.Traces != 24 || h.Groups != 12 || grouped.Folds != 12 || h.AUC > 0.65 {
		t.Errorf("%d traces, %d groups, %d folds, AUC %.3f of labels by lot", h.Traces, h.Groups, grouped.Folds, h.AUC)
	}
	if len(grouped.Warnings) != 1 || !strings.HasPrefix(grouped.Warnings[0], "12 groups are few") {
		t.Errorf("warnings %q", grouped.Warnings)
	}
	for i := range rows {
		rows[i].Group = rows[i].Trace
	}
	_, apart, err := Train(t.Context(), rows, quick(options(1)))
	if err != nil {
		t.Fatal(err)
	}
	if apart.TraceHeldOut.AUC < grouped.TraceHeldOut.AUC+0.1 {
		t.Errorf("AUC %.3f with copies apart, %.3f together: the copies no longer leak, so this test shows nothing", apart.TraceHeldOut.AUC, grouped.TraceHeldOut.AUC)
	}
}

// TestSeveralVerdictsOnOneTurn gives turns two rejected candidates before the
// accepted one: the need model counts each turn once, the task model each verdict.
func TestSeveralVerdictsOnOneTurn(t *testing.T) {
	rows := world(4, 12, 12, truth)
	proposals, turns := 0, map[string]bool{}
	var more []trace.Judged
	for i, r := range rows {
		r.ID = fmt.Sprint(i)
		if r.Task != nil && r.Accepted {
			for range 2 {
				other, task := r, "Empty the bin"
				other.Task, other.Accepted = &task, false
				more = append(more, other)
				proposals++
			}
		}
		if r.Task != nil {
			proposals++
		}
		if r.Task == nil || r.Accepted {
			turns[r.ID] = true
		}
		more = append(more, r)
	}
	model, m, err := Train(t.Context(), more, quick(options(1)))
	if err != nil {
		t.Fatal(err)
	}
	if tr := model.Training; tr.Proposals != proposals || tr.Turns != len(turns) || m.TraceHeldOut.Rows != len(more) {
		t.Errorf("%d proposals and %d turns, want %d and %d; %d rows of %d", tr.Proposals, tr.Turns, proposals, len(turns), m.TraceHeldOut.Rows, len(more))
	}
	if m.TraceHeldOut.AUC < 0.9 {
		t.Errorf("AUC %.3f", m.TraceHeldOut.AUC)
	}
}

// TestTestRowsNeverTrain turns every test label over: nothing of the model moves.
func TestTestRowsNeverTrain(t *testing.T) {
	rows := world(3, 10, 12, truth)
	for i := range rows {
		if i%4 == 0 {
			rows[i].Split = "test"
		}
	}
	before, a, err := Train(t.Context(), rows, quick(options(1)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if rows[i].Split == "test" {
			rows[i].Accepted = !rows[i].Accepted
		}
	}
	after, b, err := Train(t.Context(), rows, quick(options(1)))
	if err != nil {
		t.Fatal(err)
	}
	before.Training.TraceHeldOut, after.Training.TraceHeldOut = Summary{}, Summary{}
	if !bytes.Equal(encode(t, before), encode(t, after)) {
		t.Error("labels of test rows reached the model")
	}
	if a.TraceHeldOut.AUC <= b.TraceHeldOut.AUC || a.CrossValidation.AUC != b.CrossValidation.AUC {
		t.Error("only the test rows' own scores may change")
	}
}

func TestTrainIsDeterministic(t *testing.T) {
	rows := world(2, 12, 10, truth)
	var first []byte
	for _, workers := range []int{1, 8} {
		o := quick(options(5))
		o.Workers, o.Folds = workers, 5
		model, m, err := Train(t.Context(), rows, o)
		if err != nil {
			t.Fatal(err)
		}
		got := append(encode(t, model), encode(t, m)...)
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Errorf("with %d workers the bytes differ", workers)
		}
	}
}

func TestFolds(t *testing.T) {
	for _, c := range []struct{ traces, folds, want int }{{5, 0, 5}, {50, 0, 50}, {51, 0, 10}, {5, 3, 3}, {5, 9, 5}, {5, 1, 2}} {
		d := &Dataset{groups: make([]group, c.traces)}
		o := options(1)
		o.Folds = c.folds
		tr := d.trainer(o)
		folds, n := tr.fold, tr.Folds
		sizes := make([]int, n)
		for _, f := range folds {
			sizes[f]++
		}
		if n != c.want || len(folds) != c.traces || slices.Min(sizes) < c.traces/c.want || slices.Max(sizes) > c.traces/c.want+1 {
			t.Errorf("%+v: %d folds of %v traces", c, n, sizes)
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	rows := world(1, 4, 12, truth)
	only := func(keep func(*trace.Judged) bool) []trace.Judged {
		return slices.DeleteFunc(slices.Clone(rows), func(r trace.Judged) bool { return !keep(&r) })
	}
	for name, c := range map[string]struct {
		rows []trace.Judged
		want string
	}{
		"no rows":             {nil, "0 independent groups"},
		"one group":           {only(func(r *trace.Judged) bool { return r.Group == rows[0].Group }), "1 independent group"},
		"no accepted task":    {only(func(r *trace.Judged) bool { return r.Task == nil || !r.Accepted }), "0 accepted"},
		"no rejected task":    {only(func(r *trace.Judged) bool { return r.Task == nil || r.Accepted }), "and 0 rejected"},
		"no accepted silence": {only(func(r *trace.Judged) bool { return r.Task != nil }), "not needed after 0"},
	} {
		_, _, err := Train(t.Context(), c.rows, quick(options(1)))
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.Code(err) != fault.Permanent || fault.Hint(err) == "" {
			t.Errorf("%s: %v (hint %q), want a permanent error with %q that says what to do", name, err, fault.Hint(err), c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Train(ctx, rows, quick(options(1))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNeedAndTarget(t *testing.T) {
	yes, no, task := true, false, "t"
	for _, c := range []struct {
		row    trace.Judged
		need   *bool
		target float64
	}{
		{trace.Judged{Task: &task, Accepted: true}, &yes, 1},
		{trace.Judged{Task: &task}, nil, 0},
		{trace.Judged{Accepted: true}, &no, 1},
		{trace.Judged{}, &yes, 0},
		{trace.Judged{Task: &task, HelpNeeded: &no, Source: trace.Gym}, &no, 0},
		{trace.Judged{Accepted: true, HelpNeeded: &yes, Source: trace.Gym}, &yes, 1},
		{trace.Judged{Task: &task, HelpNeeded: &yes, Votes: []bool{true, false, false}}, &yes, 1.0 / 6},
		{trace.Judged{Task: &task, Accepted: true, HelpNeeded: &no, Votes: []bool{true, false}}, &no, 0.75},
	} {
		need, known := needOf(&c.row)
		if known != (c.need != nil) || known && need != *c.need {
			t.Errorf("%+v: need %v, known %v", c.row, need, known)
		}
		if got := targetOf(&c.row); got < c.target-1e-15 || got > c.target+1e-15 {
			t.Errorf("%+v: target %v, want %v", c.row, got, c.target)
		}
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
