// Package estimate says what the calls of a plan will come to before any is
// made: it rehearses a sample of the plan with stand-ins for its models, counts
// their calls and tokens, and scales them up.
package estimate

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/store"
)

// Options are what a plan itself does not say.
type Options struct {
	Jobs map[string]job.Func
	// Trees lists the files of the plan's inputs, and Read returns one of them.
	Trees map[string]*store.TreeFS
	Read  func(input, path string) ([]byte, error)
	// Access has the models' prices.
	Access map[string]llm.Access
	// Reused says which shards are done already, and so cost nothing; nil: none.
	Reused func(step store.StepName, shard int) bool
	Now    func() time.Time
}

// A Range is a likely value between two that it should not leave.
type Range struct {
	Low    float64 `json:"low"`
	Likely float64 `json:"likely"`
	High   float64 `json:"high"`
}

// An Estimate is of all that is left to do of a plan.
type Estimate struct {
	Models []Model `json:"models"` // those that are called, by name
	// USD is the sum over the models that have a price.
	USD Range `json:"usd"`
	// Warnings say what makes it dearer than it need be, and which candidates are one.
	Warnings []string `json:"warnings,omitempty"`
}

// A Model is what one model's part comes to.
type Model struct {
	Model            string `json:"model"`
	Simulated        bool   `json:"simulated,omitempty"`
	Calls            Range  `json:"calls"`
	PromptTokens     Range  `json:"promptTokens"`
	CompletionTokens Range  `json:"completionTokens"`
	// USD is nil when the config has no price for it.
	USD *Range `json:"usd,omitempty"`
}

// resamples is how often the sample is drawn again, for the range.
const resamples = 400

// tail is the share of resamples below a range's low end, and above its high one.
const tail = 0.05

// Of rehearses a plan and estimates what it comes to.
func Of(ctx context.Context, p *plan.Plan, opt Options) (*Estimate, error) {
	r := &rehearsal{plan: p, opt: opt, st: store.New(store.NewMem())}
	strata, err := r.run(ctx)
	if err != nil {
		return nil, err
	}
	models := map[string]llm.Model{}
	for _, s := range strata {
		for _, u := range s {
			for _, part := range u {
				for name, t := range part.tallies {
					models[name] = t.model
				}
			}
		}
	}
	names := slices.Sorted(maps.Keys(models))

	whole := make([][]int, len(strata)) // every unit once
	for i, units := range strata {
		for j := range units {
			whole[i] = append(whole[i], j)
		}
	}
	likely := sum(strata, likelyCase, opt.Access, whole)
	var low, high []totals
	rng := seed.New(p.Seed, "estimate")
	for range resamples {
		draw := make([][]int, len(strata))
		for i, units := range strata {
			for range units {
				draw[i] = append(draw[i], rng.IntN(len(units)))
			}
		}
		low = append(low, sum(strata, lowCase, opt.Access, draw))
		high = append(high, sum(strata, highCase, opt.Access, draw))
	}
	between := func(value func(totals) float64) Range {
		return Range{Low: quantile(low, tail, value), Likely: value(likely), High: quantile(high, 1-tail, value)}
	}
	e := &Estimate{Models: []Model{}, USD: between(func(t totals) float64 {
		usd := 0.
		for _, name := range names {
			usd += t[name].USD
		}
		return usd
	})}
	e.Warnings = r.warnings
	for _, name := range names {
		of := func(value func(usage) float64) Range {
			return between(func(t totals) float64 { return value(t[name]) })
		}
		m := Model{
			Model: name, Simulated: models[name].Simulated(),
			Calls:            of(func(u usage) float64 { return u.Calls }),
			PromptTokens:     of(func(u usage) float64 { return u.Prompt }),
			CompletionTokens: of(func(u usage) float64 { return u.Completion }),
		}
		if m.Simulated || opt.Access[name].Price != nil {
			usd := of(func(u usage) float64 { return u.USD })
			m.USD = &usd
		}
		e.Models = append(e.Models, m)
	}
	return e, nil
}

func quantile(list []totals, at float64, value func(totals) float64) float64 {
	values := make([]float64, len(list))
	for i, t := range list {
		values[i] = value(t)
	}
	slices.Sort(values)
	return values[int(at*float64(len(values)-1)+0.5)]
}
