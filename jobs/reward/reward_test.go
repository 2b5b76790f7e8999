package reward

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/rewardmodel"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

// What the row ledger says of turns without a verdict.
const (
	causeUnjudged = "the turn was not judged"
	causeBadTask  = "the judgement names a candidate that was not proposed"
)

var params = plan.Reward{Gym: true, TaskLambda: 10, NeedLambda: 10, Resamples: 50, Confidence: 0.9}

// episodes plays small sessions: after a search a task about it is accepted and
// any other rejected; silence is accepted except after a search.
func episodes(t *testing.T, first, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	for i := first; i < first+n; i++ {
		ep := trace.Episode{Scene: fmt.Sprintf("scene-%05d", i), End: "goal", Simulated: true}
		ep.ID = ep.Scene + "/0"
		for k := range 9 {
			topic := []string{"kites", "maps", "owls", "ferns"}[(i+k)%4]
			turn := trace.Turn{Event: trace.Event{Time: fmt.Sprint(1000 + 40*k), Text: "The user reads about " + topic + "."}}
			turn.Judgement = &trace.Judgement{Accepted: true}
			switch k % 4 {
			case 1:
				turn.Event.Text = "The user searches for '" + topic + "'."
				best := 1
				turn.Proposals, turn.Judgement.Task = []string{"Close the window", "Summarise results about " + topic}, &best
			case 2:
				turn.Proposals, turn.Judgement.Accepted = []string{"Collect links about lamps"}, false
			case 3:
				turn.Judgement = nil
			}
			ep.Turns = append(ep.Turns, turn)
		}
		line, err := json.Marshal(ep)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.Bytes()
}

const benchRow = `{"obs":[{"time":"Day 1, 9:00 AM","event":"The user searches for 'tides'."}],"pred_task":%s,"valid":%t,"help_needed":true,"annotation":[true,true,false]}` + "\n"

func bench() fs.FS {
	train := fmt.Sprintf(benchRow, `"Find tide tables"`, true) + fmt.Sprintf(benchRow, `"Close the tab"`, false) + `{"obs":[],"pred_task":null,"valid":true}` + "\n"
	return fstest.MapFS{
		"pb/reward_data/train_data.jsonl": {Data: []byte(train)},
		"pb/reward_data/test_data.jsonl":  {Data: []byte(fmt.Sprintf(benchRow, "null", false))},
	}
}

func ledger(t *testing.T, res *jobtest.Result) (list []rows.Row, counts rows.Counts) {
	t.Helper()
	err := job.Decode(bytes.NewReader(res.Output(t, plan.RowsOutput)), "rows", func(_ int, r *rows.Row) error {
		list = append(list, *r)
		return counts.Add(*r)
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, counts
}

func TestGym(t *testing.T) {
	var events bytes.Buffer
	res, err := jobtest.Run(t, jobtest.Case{Job: plan.JobReward, Func: Run, Params: params, Seed: 7, Events: progress.NewJSON(&events),
		Upstream: map[string][][]byte{EpisodesInput: {episodes(t, 0, 5), episodes(t, 5, 3)}}})
	if err != nil {
		t.Fatal(err)
	}
	list, counts := ledger(t, res)
	if counts.Planned != 88 || counts.Accepted != 72 || counts.Rejected != 16 || counts.Causes[causeUnjudged] != 16 {
		t.Errorf("ledger %+v: of 8 episodes 9 verdicts each, 2 of them on a turn with two, and 2 turns without one", counts)
	}
	if !strings.Contains(events.String(), `"done":88,"total":88`) {
		t.Errorf("progress %s, want all rows in the end", events.String())
	}
	if list[0].ID != "scene-00000/0/0" || list[1].ID != "scene-00000/0/1.0" || list[2].ID != "scene-00000/0/1.1" || list[87].ID != "scene-00007/0/8" || list[4].State != rows.Rejected || list[4].ID != "scene-00000/0/3" {
		t.Errorf("rows %v … %v", list[0], list[71])
	}
	var m rewardmodel.Metrics
	if err := json.Unmarshal(res.Output(t, plan.MetricsOutput), &m); err != nil {
		t.Fatal(err)
	}
	if !m.Simulated || m.TraceHeldOut.Rows != 72 || m.TraceHeldOut.Traces != 8 || m.TraceHeldOut.AUC < 0.9 {
		t.Errorf("metrics %+v", m.TraceHeldOut)
	}
	model, err := rewardmodel.Load(res.Output(t, plan.ModelOutput))
	if err != nil {
		t.Fatal(err)
	}
	history := []trace.Event{{Time: "1", Text: "The user searches for 'ferns'."}}
	task := "Summarise results about ferns"
	if !model.Training.Simulated || !model.Scorer().Score(history, &task).Accepted {
		t.Errorf("the accepted candidate is the second of two: %+v", model.Scorer().Score(history, &task))
	}
}

func TestBothSources(t *testing.T) {
	p := params
	p.ProactiveBench = &plan.File{Input: "bench", Path: "pb"}
	var first string
	for _, inFlight := range []int{1, 8} {
		res, err := jobtest.Run(t, jobtest.Case{Job: plan.JobReward, Func: Run, Params: p, Seed: 7, InFlight: inFlight,
			Files: map[string]fs.FS{"bench": bench()}, Upstream: map[string][][]byte{EpisodesInput: {episodes(t, 0, 6)}}})
		if err != nil {
			t.Fatal(err)
		}
		list, counts := ledger(t, res)
		if counts.Planned != 4+66 || list[2].Cause != "field obs: empty; want at least one event" || list[2].ID != "train_data.jsonl:3" {
			t.Errorf("ledger %+v, row 3 %+v", counts, list[2])
		}
		var m rewardmodel.Metrics
		if err := json.Unmarshal(res.Output(t, plan.MetricsOutput), &m); err != nil {
			t.Fatal(err)
		}
		if len(m.Data) != 3 || m.Data[0].Rows != 2 || m.Data[1].Split != "test" || m.Data[2].Source != "gym" || m.Leakage.SameHistory != 1 {
			t.Errorf("data %+v, leakage %+v", m.Data, m.Leakage)
		}
		all := ""
		for _, name := range []string{plan.ModelOutput, plan.MetricsOutput, plan.RowsOutput} {
			all += string(res.Output(t, name))
		}
		if first == "" {
			first = all
		}
		if all != first {
			t.Error("the bytes depend on how much is in flight")
		}
	}
}

func TestRefuses(t *testing.T) {
	good := string(episodes(t, 0, 4))
	onlyBench := params
	onlyBench.Gym, onlyBench.ProactiveBench = false, &plan.File{Input: "bench", Path: "pb"}
	elsewhere := onlyBench
	elsewhere.ProactiveBench = &plan.File{Input: "bench", Path: "."}
	half := fstest.MapFS{"pb/reward_data/train_data.jsonl": {Data: []byte(fmt.Sprintf(benchRow, "null", true) + `{"obs":[{"ti`)}}
	bad := fstest.MapFS{"pb/reward_data/train_data.jsonl": {Data: []byte(`{"valid":true}`)}}
	for name, c := range map[string]struct {
		params   plan.Reward
		files    fs.FS
		episodes string
		want     string
	}{
		"an episode cut in half": {params, nil, good[:len(good)-40], "episodes:4"},
		"no episodes":            {params, nil, "", "none of 0 rows can be used"},
		"one episode":            {params, nil, string(episodes(t, 0, 1)), "1 independent group"},
		"a row cut in half":      {onlyBench, half, "", "input bench/pb: reward data pb/reward_data/train_data.jsonl:2"},
		"no usable row":          {onlyBench, bad, "", "none of 1 rows can be used; the first: train_data.jsonl:1: field obs: missing"},
		"no reward data":         {elsewhere, bench(), "", "no reward_data/train_data.jsonl"},
	} {
		files := map[string]fs.FS{}
		if c.files != nil {
			files["bench"] = c.files
		}
		res, err := jobtest.Run(t, jobtest.Case{Job: plan.JobReward, Func: Run, Params: c.params, Files: files,
			Upstream: map[string][][]byte{EpisodesInput: {[]byte(c.episodes)}}})
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.Code(err) != fault.Permanent || fault.Hint(err) == "" {
			t.Errorf("%s: %v (code %d, hint %q)\nwant a permanent error with %q and a hint", name, err, fault.Code(err), fault.Hint(err), c.want)
		}
		if len(res.Records) != 0 {
			t.Errorf("%s: a record was committed", name)
		}
	}
}

func TestJudgementOfNoCandidate(t *testing.T) {
	wild := strings.Replace(string(episodes(t, 0, 4)), `"task":1`, `"task":5`, 1)
	res, err := jobtest.Run(t, jobtest.Case{Job: plan.JobReward, Func: Run, Params: params,
		Upstream: map[string][][]byte{EpisodesInput: {[]byte(wild)}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, counts := ledger(t, res); counts.Causes[causeBadTask] != 1 || counts.Accepted != 34 {
		t.Errorf("ledger %+v", counts)
	}
}
