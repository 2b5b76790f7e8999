package evaluate

import (
	"hash/fnv"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/timing"
	"github.com/gymline/gymline/internal/trace"
)

// A result is one candidate's judged traces of one repeat, in the benchmark's order. It
// holds no text of an event or answer, so that it grows by 17 bytes an event, and as many a proposal.
type result struct {
	name   string           // of the candidate, and beyond the first the repeat's
	ends   map[uint32]int32 // proposals by their last words: two endings of 10^5 may pass for one
	traces []scored
	counts []metrics.Counts // by trace
	// timings are by trace, where people said when help was wanted.
	timings []timing.Counts
}

// endWords are as many last words as two proposals on different things seldom share.
const endWords = 5

// answers are a candidate's results by repeat; one that is recorded has one.
type answers []result

// counts are those of n repeats.
func (a answers) counts(n int) metrics.Repeated {
	var list metrics.Repeated
	for i := range a {
		list = append(list, a[i].counts)
	}
	return list.Times(n)
}

// alike is how many proposals end on the same words, of the ending that most have.
func (a answers) alike() int {
	sum, most := map[uint32]int32{}, int32(0)
	for i := range a {
		for end, n := range a[i].ends {
			sum[end] += n
			most = max(most, sum[end])
		}
	}
	return int(most)
}

// right says of each event that was judged how many of its answers were right.
func (a answers) right() (list []int) {
	for i, first := range a[0].traces {
		for j, event := range first.events {
			if event == (identity{}) {
				continue
			}
			n := 0
			for r := range a {
				if a[r].traces[i].right[j] {
					n++
				}
			}
			list = append(list, n)
		}
	}
	return list
}

// A scored trace is what scores and their checks need of a trace.JudgedTrace.
type scored struct {
	id, domain          string
	judge, judgeModel   string
	judgePrompt         store.Digest
	simulated           bool
	unanswered, failed  int
	proposals, accepted int // that the judge ruled on, and accepted
	control             int // proposals and events with a control token
	training            *trace.JudgeTraining
	asked, judgeAsked   *llm.Asked
	answeredBy          []string
	judgedBy            []string
	events              []identity // the zero one: not judged
	right               []bool     // by event: TP or TN
}

// An identity tells events apart: the start of the digest of an event's time and text.
type identity [16]byte

func (r *result) add(line *trace.JudgedTrace) {
	s := scored{
		id: line.Trace.ID, domain: line.Trace.Domain, judge: line.Judge, judgeModel: line.JudgeModel, judgePrompt: line.JudgePrompt, simulated: line.Simulated,
		unanswered: len(line.Unanswered), failed: len(line.Failed), training: line.Training, asked: line.Asked, judgeAsked: line.JudgeAsked, answeredBy: line.AnsweredBy, judgedBy: line.JudgedBy, events: make([]identity, len(line.Trace.Turns)), right: make([]bool, len(line.Trace.Turns)),
	}
	var c metrics.Counts
	for i := range line.Trace.Turns {
		turn := &line.Trace.Turns[i]
		for _, task := range turn.Proposals {
			if words := strings.Fields(task); len(words) > endWords {
				if r.ends == nil {
					r.ends = map[uint32]int32{}
				}
				h := fnv.New32a()
				for _, word := range words[len(words)-endWords:] {
					_, _ = h.Write([]byte(word + " ")) // it never fails
				}
				r.ends[h.Sum32()]++
			}
		}
		if len(turn.Proposals) > 0 {
			rows, yes := turn.Rows()
			s.proposals, s.accepted = s.proposals+rows, s.accepted+yes
		}
		for _, text := range append([]string{turn.Event.Text}, turn.Proposals...) {
			if llm.HasControl(text) {
				s.control++
			}
		}
		if turn.Judgement != nil {
			sum := turn.Event.Digest()
			s.events[i], s.right[i] = identity(sum[:]), turn.Judgement.Accepted
			c = c.Add(metrics.Of(len(turn.Proposals) > 0, turn.Judgement.Accepted))
		}
	}
	r.traces, r.counts = append(r.traces, s), append(r.counts, c)
}
