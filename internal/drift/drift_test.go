package drift

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func nightsOf(score, accepted, agreed []float64) []Night {
	nights := make([]Night, len(score))
	for i := range nights {
		nights[i] = Night{Name: fmt.Sprint("n", i), Score: &score[i], AnsweredBy: []string{"c-1"}, JudgedBy: []string{"j-1"}}
		if accepted != nil {
			nights[i].Accepted, nights[i].Agreed = &accepted[i], &agreed[i]
		}
	}
	return nights
}

// around are n values about a middle that never repeat.
func around(n int, middle, width float64) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = middle + width*float64(i*37%101-50)/50
	}
	return list
}

// calm are n nights on which nothing changes.
func calm(n int) []Night {
	return nightsOf(around(n, 0, .02), around(n, .4, .01), around(n, .7, .01))
}

// from lowers what get points at from a night on.
func from(nights []Night, at int, by float64, get func(*Night) *float64) {
	for i := at; i < len(nights); i++ {
		*get(&nights[i]) -= by
	}
}

func score(n *Night) *float64    { return n.Score }
func accepted(n *Night) *float64 { return n.Accepted }

// alarms lists the nights with a verdict.
func alarms(states []State) string {
	var list []string
	for i, s := range states {
		if s.Verdict != None {
			list = append(list, fmt.Sprint(s.Verdict, " ", i))
		}
	}
	return strings.Join(list, ", ")
}

// TestVerdicts: who changed is named, with evidence, and a calm series is none.
func TestVerdicts(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		if got := alarms(Watch("c", calm(200))); got != "" {
			t.Error(got)
		}
	})
	for _, tt := range []struct {
		name, want, evidence string
		change               func([]Night)
	}{
		{"system", "system 44", "in the last 5 nights c scored 10.4 points less, against the frozen answers, than in the 40 before (p = 8e-07, where 1e-05 alarms)", func(n []Night) {
			from(n, 40, .1, score)
		}},
		{"judge accepts less", "judge 44", "in the last 5 nights the judge accepted 29.8% of the anchors, and 40.0%", func(n []Night) {
			from(n, 40, .1, accepted)
		}},
		{"judge accepts more", "judge 44", "in the last 5 nights the judge accepted 49.8%", func(n []Night) {
			from(n, 40, -.1, accepted)
		}},
		{"judge is wrong", "judge 44", "in the last 5 nights the judge agreed with people on 59.8%", func(n []Night) {
			from(n, 40, .1, func(n *Night) *float64 { return n.Agreed })
		}},
		{"judge, whose version says so", "judge 44", "judged by j-2 (was j-1) since n40", func(n []Night) {
			from(n, 40, .1, accepted)
			from(n, 40, .1, score)
			for i := 40; i < len(n); i++ {
				n[i].JudgedBy = []string{"j-2"}
			}
		}},
		{"provider, by version", "provider 44", "answered by c-2 (was c-1) since n40", func(n []Night) {
			from(n, 40, .1, score)
			for i := 40; i < len(n); i++ {
				n[i].AnsweredBy = []string{"c-2"}
			}
		}},
		{"provider, by failures", "provider 44", "in these nights 8.0% of the answers could not be used, and 0.0% before", func(n []Night) {
			from(n, 40, .1, score)
			for i := 40; i < len(n); i++ {
				n[i].Failed = .08
			}
		}},
		{"system, since the version is long another", "system 44", "c scored", func(n []Night) {
			from(n, 40, .1, score)
			for i := 20; i < len(n); i++ {
				n[i].AnsweredBy = []string{"c-2"}
			}
		}},
		{"a version alone", "", "", func(n []Night) {
			n[40].AnsweredBy, n[41].JudgedBy = []string{"c-2"}, []string{"j-2"}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nights := calm(45)
			tt.change(nights)
			states := Watch("c", nights)
			if got := alarms(states); got != tt.want {
				t.Fatalf("%q, want %q", got, tt.want)
			}
			if said := strings.Join(states[44].Evidence, "; "); !strings.Contains(said, tt.evidence) {
				t.Errorf("evidence %q, want %q", said, tt.evidence)
			}
		})
	}
}

// TestLaterNightsChangeNothing: a night's state is the same, whatever comes after it.
func TestLaterNightsChangeNothing(t *testing.T) {
	nights := calm(120)
	from(nights, 40, .1, score)
	from(nights, 70, .1, accepted)
	all := Watch("c", nights)
	for n := range nights {
		if got := Watch("c", nights[:n]); !reflect.DeepEqual(got, all[:n]) {
			t.Fatalf("the first %d nights alone are %+v", n, got)
		}
	}
}

// TestAnew: an alarm is told of once, and the watch that starts after it finds the next
// change, but not the rise back as one.
func TestAnew(t *testing.T) {
	nights := calm(200)
	from(nights, 40, .1, score)
	from(nights, 100, .1, score)
	from(nights, 150, -.2, score)
	if got := alarms(Watch("c", nights)); got != "system 44, system 104" {
		t.Error(got)
	}
	for name, change := range map[string]func(*Night){
		"another baseline":    func(n *Night) { n.Basis = "b" },
		"a judge known as so": func(n *Night) { n.Basis, n.Anchored = "b", "b" },
	} {
		nights := calm(45)
		from(nights, 40, .1, score)
		for i := 40; i < len(nights); i++ {
			change(&nights[i])
		}
		states := Watch("c", nights)
		if got := alarms(states); got != "" || name == "a judge known as so" && states[44].Nights != 5 {
			t.Errorf("%s: %q, night %d of its watch", name, got, states[44].Nights)
		}
	}
	year := calm(2*horizon + 10)
	if s := Watch("c", year); s[horizon-1].Nights != horizon || s[horizon].Nights != 1 {
		t.Errorf("after a year: %+v, %+v", s[horizon-1], s[horizon])
	}
}

// TestJudgeNamesTheAlarmBefore: a drop whose cause shows itself on the anchors a few nights
// later was the judge; later than that, both changed.
func TestJudgeNamesTheAlarmBefore(t *testing.T) {
	for at, want := range map[int]string{44: "judge 44, judge 48", 46: "system 44, judge 50", 45: "judge 44, judge 49", 47: "system 44, judge 51"} {
		nights := calm(60)
		from(nights, 40, .1, score)
		from(nights, at, .1, accepted)
		states := Watch("c", nights)
		var got []string
		for i, name := range Names(nights, states) {
			if name != None {
				got = append(got, fmt.Sprint(name, " ", i))
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("the judge from %d: %q, want %q", at, got, want)
		}
		if states[44].Verdict != System || states[44].Provisional != guard {
			t.Errorf("%+v", states[44])
		}
	}
}

// TestKnownJudge: a judge that is known by its digest needs no test.
func TestKnownJudge(t *testing.T) {
	nights := nightsOf(around(60, 0, .02), nil, nil)
	for i := range nights {
		nights[i].Digest = "sha256:0123456789abcdef"
		if i >= 50 {
			nights[i].Digest = "sha256:fedcba9876543210"
		}
	}
	from(nights, 50, .1, score)
	states := Watch("c", nights)
	if got := alarms(states); got != "judge 50" || states[50].Evidence[0] != "the judge is another by its digest: fedcba987654 (was 0123456789ab)" || states[50].Nights != 1 {
		t.Errorf("%q: %+v", got, states[50])
	}
}

// TestTooEarlyIsSaid: no drop, however large, alarms before the night that is named.
func TestTooEarlyIsSaid(t *testing.T) {
	nights := calm(60)
	for k := 1; k < len(nights); k++ {
		fell := calm(60)
		from(fell, k, 1, score)
		for i, s := range Watch("c", fell) {
			if s.Verdict != None && i < 18 {
				t.Fatalf("a drop on night %d alarms on %d", k+1, i+1)
			}
		}
	}
	states := Watch("c", nights)
	if said := states[17].Evidence; len(said) != 1 || said[0] != "night 18 of this watch; before night 19 no drop can be told from chance" || states[18].Evidence != nil {
		t.Errorf("%q, then %q", said, states[18].Evidence)
	}
	for i := range nights {
		nights[i].Among = 8
	}
	if many := Watch("c", nights)[18].Evidence; len(many) != 1 || !strings.Contains(many[0], "before night 2") {
		t.Errorf("of eight candidates: %q", many)
	}
}
