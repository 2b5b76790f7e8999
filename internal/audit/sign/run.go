package sign

import (
	"context"
	"crypto"
	"encoding/json"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

const checkpointOutput = plan.CheckpointOutput

// Run signs a run with a key, and returns the key's ID. A run may have several signatures.
func Run(ctx context.Context, st *store.Store, id store.RunID, key crypto.Signer) (string, error) {
	payload, err := Of(ctx, st, id)
	if err != nil {
		return "", err
	}
	e, err := Seal(payload, key)
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	return e.Signatures[0].KeyID, st.AddSignature(ctx, id, data)
}
