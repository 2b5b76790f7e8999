package verify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/audit/withdraw"
	"github.com/gymline/gymline/internal/store"
)

// withdrawn tells of the sources of the run that were withdrawn, and holds each signed
// statement of one against its record and its list.
func (v *verifier) withdrawn() error {
	list, err := v.st.Withdrawals(v.ctx)
	if errors.Is(err, store.ErrUnreadable) {
		return v.bad("withdrawn/", err, "what was withdrawn is not known")
	}
	for i := 0; i < len(list) && err == nil; i++ {
		if slices.Contains(list[i].Runs, v.id) {
			err = v.withdrawal(list[i])
		}
	}
	return err
}

func (v *verifier) withdrawal(w store.Withdrawal) error {
	what := fmt.Sprintf("%s, which the run read, was withdrawn (withdrawal %d)", w.Source, w.Number)
	key := fmt.Sprintf("withdrawn/%d.json", w.Number)
	if w.Signed == "" {
		v.remark("%s, and nobody signed that", what)
		return nil
	}
	e, payload, err := withdraw.Envelope(v.ctx, v.st, w)
	if errors.Is(err, withdraw.ErrOther) {
		v.problem(key, "what was signed", err.Error(), "the record of a withdrawal was altered after it was signed")
		return nil
	}
	if err != nil {
		return v.bad(key, err, "the signed statement of a withdrawal, or its list, cannot be read")
	}
	by := e.Signatures[0].KeyID
	for _, public := range v.opt.Keys {
		if e.By(public, payload) {
			v.remark("%s, signed by %s", what, by)
			return nil
		}
	}
	if v.claims(by) {
		v.problem(key, "a signature by key "+by, "bytes that it did not sign", "the signature of a withdrawal was altered")
		return nil
	}
	v.remark("%s, by key %s, which was not given: anybody may have made it", what, by)
	return nil
}
