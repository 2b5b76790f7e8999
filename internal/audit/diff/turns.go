package diff

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/trace"
)

// Turns are what became of the turns of sessions, or of a benchmark's traces, that are not
// the same in both runs. Turns are paired by their events: time and text, and of equal
// ones in their order.
type Turns struct {
	Both    int `json:"both"`    // events that are in both
	OnlyWas int `json:"onlyWas"` // and in one
	OnlyIs  int `json:"onlyIs"`
	// Proposals are events with other proposals; Verdicts are those with another verdict,
	// and Judge those among them where the proposals are the same.
	Proposals int `json:"proposals"`
	Verdicts  int `json:"verdicts"`
	Judge     int `json:"judge"`
	// Shown are the first events with other proposals or another verdict.
	Shown []Flip `json:"shown"`
}

// A Flip is an event whose proposals or verdict are others.
type Flip struct {
	Turn  string `json:"turn"`
	Event string `json:"event"`
	Was   Answer `json:"was"`
	Is    Answer `json:"is"`
}

// An Answer is what an agent proposed, and what became of it.
type Answer struct {
	Proposals []string `json:"proposals"` // none: silence
	Verdict   string   `json:"verdict"`
	Reason    string   `json:"reason,omitempty"`
}

// turns sums them up.
type turns struct {
	Turns
	most int
}

// a session is what an episode and a judged trace have in common.
type session struct {
	Candidate string       `json:"candidate"`
	Repeat    int          `json:"repeat"`
	Of        *trace.Trace `json:"trace"` // of a judged trace
	trace.Trace
}

func (t *turns) compare(a, b []byte) error {
	var was, is session
	for _, of := range []struct {
		text []byte
		into *session
	}{{a, &was}, {b, &is}} {
		if err := json.Unmarshal(of.text, of.into); err != nil {
			return fmt.Errorf("a row is no session: %w", err)
		}
		if of.into.Of != nil {
			of.into.Trace = *of.into.Of
			of.into.ID = trace.AnswerID(of.into.Candidate, of.into.ID, 0)
		}
	}
	type event struct {
		sum [sha256.Size]byte
		nth int
	}
	there, seen := map[event]*trace.Turn{}, map[[sha256.Size]byte]int{}
	for i := range was.Turns {
		sum := was.Turns[i].Event.Digest()
		there[event{sum, seen[sum]}] = &was.Turns[i]
		seen[sum]++
	}
	clear(seen)
	for i := range is.Turns {
		turn := &is.Turns[i]
		key := event{sum: turn.Event.Digest()}
		key.nth = seen[key.sum]
		seen[key.sum]++
		old := there[key]
		if old == nil {
			t.OnlyIs++
			continue
		}
		delete(there, key)
		t.Both++
		name := trace.TurnID(is.ID, i)
		if is.Repeat > 0 {
			name += fmt.Sprintf("#%d", is.Repeat)
		}
		t.turn(name, old, turn)
	}
	t.OnlyWas += len(there)
	return nil
}

func (t *turns) turn(name string, was, is *trace.Turn) {
	proposals, verdict := !slices.Equal(was.Proposals, is.Proposals), verdictOf(was) != verdictOf(is)
	if !proposals && !verdict {
		return
	}
	if proposals {
		t.Proposals++
	}
	if verdict {
		t.Verdicts++
	}
	if verdict && !proposals {
		t.Judge++
	}
	if len(t.Shown) < t.most {
		t.Shown = append(t.Shown, Flip{name, is.Event.Text, answerOf(was), answerOf(is)})
	}
}

func (t *turns) result() *Turns {
	if t.Both+t.OnlyWas+t.OnlyIs == 0 {
		return nil
	}
	if t.Shown == nil {
		t.Shown = []Flip{}
	}
	return &t.Turns
}

func answerOf(t *trace.Turn) Answer {
	a := Answer{Proposals: t.Proposals, Verdict: verdictOf(t)}
	if a.Proposals == nil {
		a.Proposals = []string{}
	}
	if t.Judgement != nil {
		a.Reason = t.Judgement.Reason
	}
	return a
}

// verdictOf is what became of a turn, in words; of several proposals which was accepted.
func verdictOf(t *trace.Turn) string {
	switch j := t.Judgement; {
	case j == nil:
		return "not judged"
	case !j.Accepted:
		return "rejected"
	case j.Task != nil && len(t.Proposals) > 1:
		return fmt.Sprintf("accepted, number %d", *j.Task+1)
	}
	return "accepted"
}
