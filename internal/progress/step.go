package progress

import "github.com/gymline/gymline/internal/llm"

// A Step sums up a step's shards from their events. What an attempt that failed
// has used stays counted; its rows begin again.
type Step struct {
	Name      string
	Shards    []Shard
	Simulated bool
	Retries   int64 // attempts after a shard's first

	states map[string]int // shards by state
	spent  llm.Usage      // by attempts that failed
	errors llm.Errors
}

// A Shard is what is known of one shard: counts are of its latest attempt.
type Shard struct {
	State               string // "" while it waits
	Done, Total, Failed int64
	Answered            int64
	// Most are the highest counts of any attempt, which never go back.
	Most struct{ Done, Failed int64 }

	usage             llm.Usage
	errors            llm.Errors
	inFlight, waiting int64
	batches           llm.Batches
}

// A Sum adds up a step's shards.
type Sum struct {
	Done, Total, Failed int64
	Answered            int64
	Guessed             bool // Total is scaled up from the shards that know theirs
	Usage               llm.Usage
	Errors              llm.Errors
	InFlight, Waiting   int64 // calls, now
	Batches             llm.Batches
	Reused              int // shards
}

// Grow makes room for so many shards.
func (s *Step) Grow(shards int) {
	if s.states == nil {
		s.states = map[string]int{}
	}
	if more := shards - len(s.Shards); more > 0 {
		s.Shards = append(s.Shards, make([]Shard, more)...)
		s.states[""] += more
	}
}

// Take takes an event of one of the step's shards.
func (s *Step) Take(e Event) {
	i := max(e.Shard, 0)
	s.Grow(i + 1)
	sh := &s.Shards[i]
	s.Simulated = s.Simulated || e.Simulated
	switch e.Type {
	case StepState:
		if e.State == Retrying {
			s.Retries++
		}
		s.states[sh.State]--
		s.states[e.State]++
		if e.State == Retrying || e.State == Running {
			s.spent, s.errors = s.spent.Add(sh.usage), s.errors.Add(sh.errors)
			*sh = Shard{Most: sh.Most}
		}
		sh.State, sh.inFlight, sh.waiting, sh.batches = e.State, 0, 0, llm.Batches{}
	case Progress:
		sh.Done, sh.Total, sh.Failed, sh.Answered = e.Done, e.Total, e.Failed, e.Answered
		sh.Most.Done, sh.Most.Failed = max(sh.Most.Done, e.Done-e.Failed), max(sh.Most.Failed, e.Failed)
		sh.inFlight, sh.waiting, sh.batches = e.InFlight, e.Waiting, llm.Batches{}
		if e.Batches != nil {
			sh.batches = *e.Batches
		}
		if e.Usage != nil {
			sh.usage = *e.Usage
		}
		if e.Errors != nil {
			sh.errors = *e.Errors
		}
	}
}

// Sum adds up the shards as they stand now.
func (s *Step) Sum() Sum {
	sum := Sum{Usage: s.spent, Errors: s.errors}
	known, work := 0, 0
	for i := range s.Shards {
		sh := &s.Shards[i]
		sum.Done += sh.Done
		sum.Total += sh.Total
		sum.Failed += sh.Failed
		sum.Answered += sh.Answered
		sum.Usage, sum.Errors = sum.Usage.Add(sh.usage), sum.Errors.Add(sh.errors)
		sum.InFlight += sh.inFlight
		sum.Waiting += sh.waiting
		sum.Batches = sum.Batches.Add(sh.batches)
		if sh.State == Reused {
			sum.Reused++
			continue
		}
		work++
		if sh.Total > 0 {
			known++
		}
	}
	if known > 0 && known < work {
		sum.Total, sum.Guessed = sum.Total*int64(work)/int64(known), true
	}
	return sum
}

// State is the step's, from its shards': "" while all wait.
func (s *Step) State() string {
	n, all := s.states, len(s.Shards)
	switch {
	case n[Failed] > 0:
		return Failed
	case n[""] > 0 && n[""]+n[Reused] == all:
		return ""
	case n[Running] > 0:
		return Running
	case n[Retrying] > 0:
		return Retrying
	case n[Cancelled] > 0:
		return Cancelled
	case n[""] > 0: // between two shards
		return Running
	case n[Reused] == all:
		return Reused
	}
	return Succeeded
}

// Over says whether a shard or step in this state has stopped.
func Over(state string) bool {
	switch state {
	case Reused, Succeeded, Failed, Cancelled:
		return true
	}
	return false
}
