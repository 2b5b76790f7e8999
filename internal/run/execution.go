package run

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/notify"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// Execution is how a run is done, kept in its record for the jobs; it changes
// no artifact.
type Execution struct {
	InFlight int                   `json:"inFlight"`
	Models   map[string]llm.Access `json:"models,omitempty"`
	// ReplayOnly answers from the ledger alone.
	ReplayOnly bool `json:"replayOnly,omitempty"`
	// Tolerance is of rows that fail.
	Tolerance job.Tolerance `json:"tolerance,omitzero"`
	// BudgetUSD bounds what the calls of the run may cost; 0: nothing does.
	BudgetUSD float64 `json:"budgetUSD,omitempty"`
	// Set are the fields that the command line overrode, as PATH=VALUE.
	Set []string `json:"set,omitempty"`
	// Inputs are the paths of inputs that the command line gave, as it gave them.
	Inputs map[string]string `json:"inputs,omitempty"`
	// Gate is what the result must come to.
	Gate []plan.GateRule `json:"gate,omitempty"`
	// Notify is who is told when the run needs somebody.
	Notify []notify.Webhook `json:"notify,omitempty"`
	// SignEnv names the variable with the key that signs the run at its end; "": none does.
	SignEnv string `json:"signEnv,omitempty"`
	// Image is the reference of gymline's image, where pods do the run.
	Image string `json:"image,omitempty"`
}

// ExecutionOf reads how a run is done from its record.
func ExecutionOf(r store.Run) (how Execution, err error) {
	if len(r.Execution) == 0 {
		return how, nil
	}
	if err := json.Unmarshal(r.Execution, &how); err != nil {
		return how, fmt.Errorf("run %s: execution: %w", r.ID, err)
	}
	return how, nil
}

// Keys names the environment variables that hold the keys of a step's models.
func (x Execution) Keys(step *plan.Step) (names []string) {
	for shard := range step.Shards {
		names = x.addKeys(names, step, shard)
	}
	return names
}

// KeysAhead names those of the shards that are left to do.
func (x Execution) KeysAhead(p *plan.Plan, shards []job.Planned) (names []string) {
	if x.ReplayOnly {
		return nil
	}
	for _, s := range shards {
		if !s.Reused {
			names = x.addKeys(names, p.Step(s.Step), s.Shard)
		}
	}
	return names
}

func (x Execution) addKeys(names []string, step *plan.Step, shard int) []string {
	for _, model := range step.Of(shard).Models {
		for _, name := range x.Models[model].Secrets() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
