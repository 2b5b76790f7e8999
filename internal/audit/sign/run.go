package sign

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

const checkpointOutput = plan.CheckpointOutput

// Run signs a run with a key, and returns the key's ID. A run may have several signatures,
// and one by a key that signed it as it is: then none is added.
func Run(ctx context.Context, st *store.Store, id store.RunID, key crypto.Signer) (by string, added bool, err error) {
	payload, err := Of(ctx, st, id)
	if err != nil {
		return "", false, err
	}
	e, err := Seal(payload, key)
	if err != nil {
		return "", false, err
	}
	data, err := json.Marshal(e)
	if err != nil {
		return "", false, err
	}
	by = e.Signatures[0].KeyID
	keys, err := st.SignatureKeys(ctx, id)
	if err != nil {
		return by, false, err
	}
	for _, at := range keys {
		there, err := st.ReadObject(ctx, at)
		if err != nil || bytes.Equal(there, data) { // the same key and text give the same signature
			return by, false, err
		}
	}
	return by, true, st.AddSignature(ctx, id, data)
}

// Claimed are the IDs of the keys that a run's signatures say they are by.
func Claimed(ctx context.Context, st *store.Store, id store.RunID) (by []string, err error) {
	keys, err := st.SignatureKeys(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		data, err := st.ReadObject(ctx, key)
		if err != nil {
			return nil, err
		}
		if e, _, err := Read(data); err == nil {
			by = append(by, e.Signatures[0].KeyID)
		}
	}
	return by, nil
}
