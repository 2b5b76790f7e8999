package estimate

import (
	"context"
	"sync"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/sim"
)

// A tally is what the calls to one model came to in a part of the sample, in
// tokens of four bytes.
type tally struct {
	model llm.Model
	calls float64
	given float64 // prompts: texts that are the same for every model, schemas included
	said  float64 // prompts: what models said before
	// repeated is the part of given and said that an earlier prompt of the
	// conversation had.
	repeatedGiven, repeatedSaid float64
	completion                  float64
}

// A part of the sample stands for weight of its kind. Sessions may last up to
// stretch times as long as those that were rehearsed; 0 says that it is no session.
type part struct {
	weight  float64
	stretch float64
	tallies map[string]*tally // by the model's name in the experiment
	// shared says that another part asks the same, so that the ledger may have it.
	shared bool
}

// A unit is the parts that are drawn together.
type unit []part

type usage struct{ Calls, Prompt, Completion, USD float64 }

type totals map[string]usage

// A scenario is how real models may differ from stand-ins.
type scenario struct {
	words   float64 // length of what models say
	stretch float64 // length of sessions, as far as they can last
	again   float64 // share of the answers that are sent back, beyond the stand-ins'
	cached  bool    // what a conversation repeats is read from the provider's cache
	apart   bool    // what several ask is asked by each: shards that run side by side do
}

// repaired is above the share of answers that stand-ins have sent back.
const repaired = 0.02

// The scenarios of a range. docs/llm.md, section Budget, has them in words.
var (
	lowCase    = scenario{words: 0.5, stretch: 0.75, again: -repaired, cached: true}
	likelyCase = scenario{words: 1, stretch: 1}
	highCase   = scenario{words: 2, stretch: 2, again: 0.1, apart: true}
)

// sum adds up the drawn units of each stratum.
func sum(strata [][]unit, s scenario, access map[string]llm.Access, draw [][]int) totals {
	all := totals{}
	for i, units := range strata {
		for _, j := range draw[i] {
			for _, p := range units[j] {
				if p.shared && !s.apart {
					continue
				}
				for name, t := range p.tallies {
					u := s.of(t, p, access[name].Paid())
					at := all[name]
					all[name] = usage{at.Calls + u.Calls, at.Prompt + u.Prompt, at.Completion + u.Completion, at.USD + u.USD}
				}
			}
		}
	}
	return all
}

// of scales a tally. A session that lasts r times as long asks r times as often,
// and each time repeats r times as much.
func (s scenario) of(t *tally, p part, price *llm.Price) usage {
	r := 1.
	if p.stretch > 0 {
		r = min(s.stretch, p.stretch)
	}
	n := p.weight * r * (1 + s.again)
	u := usage{Calls: n * t.calls, Prompt: n * (t.given + r*s.words*t.said), Completion: n * s.words * t.completion}
	if price == nil {
		return u
	}
	cached := 0.
	if s.cached {
		cached = n * (t.repeatedGiven + r*s.words*t.repeatedSaid)
	}
	u.USD = ((u.Prompt-cached)*price.Prompt + cached*price.Cached + u.Completion*price.Completion) / 1e6
	return u
}

// sceneSchema is the schema of the calls that write a scene, and turnSchema of
// those that come once for each event.
const (
	sceneSchema = "scene"
	turnSchema  = "proposal"
)

// A counter plays all models and counts what they are asked. It is the models
// of one job.
type counter struct {
	// dialogue says that all but the system's texts was said by models; else only
	// the model's own answers were.
	dialogue bool

	mu     sync.Mutex
	scenes map[string]*tally
	others map[string]*tally
	shared map[string]*tally // what another counter has
	turns  float64
	// keyed has what is recorded of the others by key until settle; nil of a job whose
	// requests nobody shares.
	keyed map[llm.Key]*tally
}

func newCounter(t task) *counter {
	c := &counter{dialogue: t.dialogue, scenes: map[string]*tally{}, others: map[string]*tally{}, shared: map[string]*tally{}}
	if t.keyed {
		c.keyed = map[llm.Key]*tally{}
	}
	return c
}

// settle tells what was asked already from what was not, and notes it all as asked.
func (c *counter) settle(asked map[llm.Key]bool) {
	for key, t := range c.keyed {
		into := c.others
		if asked[key] {
			into = c.shared
		}
		asked[key] = true
		of(into, t.model).add(t)
	}
}

// of is the tally of a model.
func of(tallies map[string]*tally, m llm.Model) *tally {
	if tallies[m.Name] == nil {
		tallies[m.Name] = &tally{model: m}
	}
	return tallies[m.Name]
}

func (t *tally) add(o *tally) {
	t.calls, t.given, t.said, t.completion = t.calls+o.calls, t.given+o.given, t.said+o.said, t.completion+o.completion
	t.repeatedGiven, t.repeatedSaid = t.repeatedGiven+o.repeatedGiven, t.repeatedSaid+o.repeatedSaid
}

// skill is how good the judgement is of a stand-in for a real model: as that of
// one in a config that does not say.
const skill = 0.8

// Open plays a model. One without a name is not counted.
func (c *counter) Open(_ context.Context, m llm.Model) (llm.Chatter, error) {
	if m.Simulated() {
		return &counted{c, m, nil, sim.New(m)}, nil
	}
	stand := llm.Model{Name: m.Name, Provider: llm.Sim, Params: llm.Params{Skill: skill}}
	if c.keyed == nil {
		return &counted{c, m, nil, sim.New(stand)}, nil
	}
	key, prefix, err := ledger.Keys(m)
	stand.Name = prefix // another for each setting: what they would say differs
	return &counted{c, m, key, sim.New(stand)}, err
}

// Flush does nothing: nothing is recorded.
func (c *counter) Flush(context.Context) error { return nil }

type counted struct {
	counter *counter
	model   llm.Model
	key     func(*llm.Request) (llm.Key, error) // nil where none is needed
	next    llm.Chatter
}

func (c *counted) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	resp, err := c.next.Chat(ctx, req)
	if err != nil || c.model.Name == "" {
		return resp, err
	}
	t := &tally{model: c.model}
	t.count(req, resp, c.counter.dialogue)
	var key *llm.Key
	if c.key != nil {
		k, err := c.key(req)
		if err != nil {
			return nil, err
		}
		key = &k
	}
	c.counter.take(t, key, req.Schema)
	return resp, nil
}

// take adds what one call came to.
func (c *counter) take(t *tally, key *llm.Key, schema *llm.Schema) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if schema != nil && schema.Name == turnSchema {
		c.turns++
	}
	switch {
	case schema != nil && schema.Name == sceneSchema:
		of(c.scenes, t.model).add(t)
	case key == nil:
		of(c.others, t.model).add(t)
	case c.keyed[*key] == nil:
		c.keyed[*key] = t
	default:
		c.keyed[*key].add(t)
	}
}

// count is what one call comes to.
func (t *tally) count(req *llm.Request, resp *llm.Response, dialogue bool) {
	t.calls++
	t.completion += tokens(len(resp.Content))
	if req.Schema != nil {
		t.given += tokens(len(req.Schema.Schema))
	}
	for i, msg := range req.Messages {
		n, last := tokens(len(msg.Content)), i == len(req.Messages)-1
		if dialogue && i == 1 { // a scene is as long as it is
			_, question := prompt.Opening(msg.Content)
			about := n - tokens(len(question))
			t.given, n = t.given+about, n-about
			if !last {
				t.repeatedGiven += about
			}
		}
		said := msg.Role == llm.Assistant || dialogue && msg.Role != llm.System
		switch {
		case said && last:
			t.said += n
		case said:
			t.said, t.repeatedSaid = t.said+n, t.repeatedSaid+n
		case last:
			t.given += n
		default:
			t.given, t.repeatedGiven = t.given+n, t.repeatedGiven+n
		}
	}
}

// tokens are a quarter of the bytes.
func tokens(bytes int) float64 { return float64(bytes) / 4 }
