package report

import (
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/trace"
)

func fixtureCuration() *trace.Curation {
	tally := func(domain string, rows, accepted, duplicates, quota int) trace.CurationTally {
		t := trace.CurationTally{Domain: domain, Causes: []trace.CauseOf{{Cause: "near-duplicate of an earlier row", Rows: duplicates}, {Cause: "above the quota", Rows: quota}}}
		t.Before.Add(rows, accepted)
		t.After.Add(rows-duplicates-quota, (rows-duplicates-quota)/2)
		return t
	}
	return &trace.Curation{
		Duplicates: 0.9, Leakage: 0.8, Quota: 1000, Scenes: 240, SceneDuplicates: 3, BenchmarkEvents: 233,
		Total: tally("", 3112, 1500, 112, 1000), Domains: []trace.CurationTally{tally("coding", 1512, 700, 12, 500), tally("daily life", 1600, 800, 100, 500)},
		Inputs: []trace.LeakingInput{{What: trace.SampleEvents, File: "in/seeds.yaml", Texts: 168, Alike: 144, Events: 134, Same: 97}, {What: trace.SceneExamples, File: "in/scenes.yaml", Texts: 1500, Alike: 20, Events: 14, Same: 2, Dropped: true}, {What: trace.WrittenScenes, Texts: 409}},
		Pairs:  []trace.CurationPair{{Cause: "near-duplicate of an earlier row", ID: "scene-00012/0/7", Like: "scene-00003/1/2", Similarity: 0.9048, Text: "The user saves a.txt.", LikeText: "The user saves b.txt."}},
	}
}

func TestCuration(t *testing.T) {
	d := fixture()
	d.Curation = fixtureCuration()
	got := render(t, d)
	for _, want := range []string{
		`<a href="#curation">`, "2,000 of 3,112 rows of the gym are used. 3 of 240 scenes", "233 events of the benchmark, at 0.80", "exactly 1,000 rows",
		`<th scope="row">coding</th><td>1,512</td><td>46.3%</td><td>512</td><td><b>1,000</b></td><td>50.0%</td>`,
		"<td>12</td><td>100</td><td>112</td>", "<td>500</td><td>500</td><td>1,000</td>",
		`<th scope="row">all domains</th><td>3,112</td>`, "50.0% accepted of 1,000 rows", "coding: 500 used and accepted, 500 used and rejected, 512 left out",
		`sample events</th><td class="text">in/seeds.yaml</td><td>168</td><td>144</td><td>134</td><td>97</td>`, `finished scenes <span class="tag">dropped</span>`, `<td class="text">–</td><td>409</td><td>0</td>`,
		"curate: 144 of 168 sample events (in/seeds.yaml) are like events of the benchmark (134 of its 233, 97 to the letter)",
		"<td>0.90</td>", "scene-00012/0/7", "The user saves b.txt.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestUnfinishedCuration: what was given up is said where it is read.
func TestUnfinishedCuration(t *testing.T) {
	d := fixture()
	d.Curation = fixtureCuration()
	const said = "searches for near-duplicates and leaks were given up"
	if strings.Contains(render(t, d), said) {
		t.Error("a whole curation is said to be unfinished")
	}
	if d.Curation.Unfinished = 17; !strings.Contains(render(t, d), "17 "+said) {
		t.Error("the page does not say what was given up")
	}
}

func TestCurationOfHostileText(t *testing.T) {
	d := fixture()
	d.Curation = fixtureCuration()
	c := d.Curation
	c.Domains[0].Domain, c.Total.Causes[0].Cause = hostile, hostile
	c.Inputs[0].What, c.Inputs[0].File = hostile, hostile
	c.Pairs[0] = trace.CurationPair{Cause: hostile, ID: hostile, Like: hostile, Text: hostile, LikeText: hostile}
	got := render(t, d)
	for _, bad := range []string{"<script", "<img", "onerror=alert(1)>", `"quoted"`, "ZgotmplZ"} {
		if strings.Contains(got, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}
