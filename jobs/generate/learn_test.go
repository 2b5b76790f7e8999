package generate

import (
	"math/rand/v2"
	"testing"

	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/rewardmodel"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/sim"
	"github.com/gymline/gymline/internal/trace"
)

// TestGymTeachesARewardModel trains on one gym and lets the model judge agents
// of three skills on the events of another: what the user accepts must be
// learnable from what the agent sees.
func TestGymTeachesARewardModel(t *testing.T) {
	gym := func(s uint64, scenes, sessions int) []trace.Episode {
		c := gymCase(t)
		p := c.Params.(plan.Generate)
		p.Count, p.Sessions, p.MaxEvents = scenes, sessions, 20
		half := simModel
		half.Name, half.Skill = "half", 0.5
		p.Models.Agent = half
		c.Params, c.Seed = p, s
		res, err := jobtest.Run(t, c)
		if err != nil {
			t.Fatal(err)
		}
		return decode[trace.Episode](t, res.Output(t, plan.EpisodesOutput))
	}
	var training rewardmodel.Dataset
	n := 0
	for _, e := range gym(1, 12, 4) {
		for _, r := range e.Judged() {
			training.Add(&r)
			n++
		}
	}
	model, metrics, err := training.Train(t.Context(), rewardmodel.Options{
		TaskLambda: 300, NeedLambda: 100, Folds: 4, Resamples: 100, Confidence: 0.95, Workers: 2, Simulated: true,
		Rand: func(path ...string) *rand.Rand { return seed.New(3, path...) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("trained on %d rows: %+v", n, reflectJSON(t, metrics))

	test := gym(2, 9, 1)
	f1 := func(skill float64) float64 {
		agent := sim.New(llm.Model{Name: "candidate", Params: llm.Params{Skill: skill}})
		var tp, fp, fn float64
		for _, e := range test {
			var turns []trace.Turn
			var history []trace.Event
			scorer := model.Scorer()
			for i, turn := range e.Turns {
				turns, history = append(turns, trace.Turn{Event: turn.Event}), append(history, turn.Event)
				r, err := llm.Ask(t.Context(), agent, &llm.Request{Schema: prompt.AgentSchema(1), Messages: prompt.AgentHistory("", turns, 0, i, 1)}, 3,
					func(r *prompt.AgentReply) error { return r.Check(1) })
				if err != nil {
					t.Fatal(err)
				}
				turns[i].Proposals = r.Proposals()
				var task *string
				if len(turns[i].Proposals) > 0 {
					task = &turns[i].Proposals[0]
				}
				switch accepted := scorer.Score(history, task).Accepted; {
				case task != nil && accepted:
					tp++
				case task != nil:
					fp++
				case !accepted:
					fn++
				}
			}
		}
		return 2 * tp / (2*tp + fp + fn)
	}
	high, middle, low := f1(0.95), f1(0.5), f1(0.1)
	t.Logf("F1 by skill: .95 %.3f, .5 %.3f, .1 %.3f", high, middle, low)
	if high < middle+0.1 || middle < low+0.1 {
		t.Errorf("F1 by skill: .95 %.3f, .5 %.3f, .1 %.3f; want them well apart", high, middle, low)
	}
}
