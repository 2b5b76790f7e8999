package report

import (
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rewardmodel"
)

// What always accepting scores stands beside the model's figure, and a model that does
// not beat it is not left to look good.
func TestRewardModelAgainstAlwaysAccepting(t *testing.T) {
	metrics := func(f1, accuracy, always, alwaysAccuracy float64) *rewardmodel.Metrics {
		m := fixtureReward()
		m.TraceHeldOut.F1, m.TraceHeldOut.Accuracy, m.TraceHeldOut.AUC = f1, accuracy, .75
		m.Baselines.AlwaysAccept.F1, m.Baselines.AlwaysAccept.Accuracy, m.Baselines.AlwaysAccept.Rows = always, alwaysAccuracy, 600
		return m
	}
	for _, c := range []struct {
		m    *rewardmodel.Metrics
		want string
	}{
		{metrics(.937, .883, .980, .961), "The reward model is useless as a judge: F1 93.7, and always accepting has 98.0; accuracy 88.3 against 96.1."},
		{metrics(.7, .5, .7, .5), "The reward model is useless as a judge: F1 70.0, and always accepting has 70.0; accuracy 50.0 against 50.0."},
		{metrics(.734, .693, .745, .593), "The reward model does not beat always accepting by F1: F1 73.4, and always accepting has 74.5. It does by accuracy, 69.3 against 59.3; AUC is 0.750."},
		{metrics(.762, .75, .667, .5), ""},
	} {
		d := &Data{Title: "x", Reward: c.m}
		if got := rewardVerdict(c.m); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
		page := render(t, d)
		if !strings.Contains(page, "always accept "+pct(c.m.Baselines.AlwaysAccept.F1)+"; AUC 0.750") {
			t.Error("the first figure stands without its baseline")
		}
		header, _, _ := strings.Cut(page, "<nav")
		if strings.Contains(header, `class="warning"`) != (c.want != "") || !strings.Contains(header, c.want) {
			t.Errorf("the headline does not say %q", c.want)
		}
		d.Evaluation = fixtureEvaluation()
		d.Evaluation.Judge = plan.JudgeRewardModel
		if strings.Contains(render(t, d), "their scores are no better than it is") != (c.want != "") {
			t.Error("a judge that is worth nothing is not named beside what it judged, or another is")
		}
		d.Evaluation.Judge = plan.JudgeLLM
		if strings.Contains(render(t, d), "their scores are no better than it is") {
			t.Error("the reward model is said to have judged")
		}
	}
}
