package plan

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/store"
)

// JobAnchors has the judge rule on rows that people labelled.
const JobAnchors = "anchors"

// AnchorsOutput is what it writes: metrics.Anchors.
const AnchorsOutput = "anchors.json"

// Anchors are the parameters of the job anchors.
type Anchors struct {
	// Data is the folder that holds reward_data/, and Rows how many of its rows are
	// drawn: all of fewer.
	Data    File  `json:"data"`
	Rows    int   `json:"rows"`
	Judge   Judge `json:"judge"` // of JudgeLLM
	Repairs int   `json:"repairs"`
}

// Basis is the digest of all that a shard's work depends on by intention, whatever the
// occasion that models are asked anew as of: two runs with equal ones measure the same.
func (p *Plan) Basis(step *Step, shard int) (store.Digest, error) {
	share := step.Of(shard)
	bare := Share{Params: share.Params}
	if err := (&Anew{Roles: []string{AnewCandidates, AnewJudge, AnewGym}}).share(step.Job, &bare); err != nil {
		return "", fmt.Errorf("step %s: %w", step.Name, err)
	}
	var inputs []store.Digest
	for _, s := range share.Sources {
		if d := p.Inputs[s.Input]; !slices.Contains(inputs, d) {
			inputs = append(inputs, d)
		}
	}
	data, err := canonical.JSON(struct {
		Params json.RawMessage `json:"params"`
		Inputs []store.Digest  `json:"inputs"`
	}{bare.Params, inputs})
	return store.DigestOf(data), err
}
