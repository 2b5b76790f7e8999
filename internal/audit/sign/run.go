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
	added, err = Add(ctx, st, id, data)
	return e.Signatures[0].KeyID, added, err
}

// Add puts a signature among a run's, unless it is there: the same key and text give the
// same one.
func Add(ctx context.Context, st *store.Store, id store.RunID, data []byte) (added bool, err error) {
	keys, err := st.SignatureKeys(ctx, id)
	if err != nil {
		return false, err
	}
	for _, at := range keys {
		there, err := st.ReadObject(ctx, at)
		if err != nil || bytes.Equal(there, data) {
			return false, err
		}
	}
	return true, st.AddSignature(ctx, id, data)
}

// Envelopes are a run's signatures that can be read, of the run itself.
func Envelopes(ctx context.Context, st *store.Store, id store.RunID) (list []*Envelope, err error) {
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
			list = append(list, e)
		}
	}
	return list, nil
}

// Claimed are the IDs of the keys that a run's signatures say they are by.
func Claimed(ctx context.Context, st *store.Store, id store.RunID) (by []string, err error) {
	list, err := Envelopes(ctx, st, id)
	for _, e := range list {
		by = append(by, e.Signatures[0].KeyID)
	}
	return by, err
}
