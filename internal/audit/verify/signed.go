package verify

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/gymline/gymline/internal/audit/oms"
	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/audit/stamp"
	"github.com/gymline/gymline/internal/run"
)

// signed holds each signature's statement against the run as it is now, and looks for one by
// each of the keys.
func (v *verifier) signed() error {
	keys, err := v.st.SignatureKeys(v.ctx, v.id)
	if err != nil {
		return err
	}
	var now []byte
	if len(keys) > 0 {
		if now, err = sign.Of(v.ctx, v.st, v.id); err != nil {
			if v.ends(err) {
				return err
			}
			now = nil // what it follows from is told of by itself
		}
	}
	found, models, stamps := make([]bool, len(v.opt.Keys)), v.newModels(), &stamps{verifier: v}
	for _, key := range keys {
		data, err := v.st.ReadObject(v.ctx, key)
		if err != nil {
			if err := v.bad(key, err, "a signature is lost"); err != nil {
				return err
			}
			continue
		}
		if oms.IsBundle(data) {
			if err := models.bundle(key, data); err != nil {
				return err
			}
			continue
		}
		if stamp.IsRecord(data) {
			stamps.read(key, data)
			continue
		}
		e, payload, err := sign.Read(data)
		if err != nil {
			v.problem(key, "a DSSE envelope", err.Error(), "the signature was altered")
			continue
		}
		known := false
		for i, public := range v.opt.Keys {
			if e.By(public, payload) {
				known, found[i] = true, true
			}
		}
		stamps.over(e, known)
		by := e.Signatures[0].KeyID
		switch {
		case known:
			v.result.SignedBy = append(v.result.SignedBy, by)
		case len(v.opt.Keys) > 0 && v.claims(by):
			v.problem(key, "a signature by key "+by, "bytes that it did not sign", "the signature was altered")
			continue
		default:
			v.remark("%s is by key %s, which was not given: anybody may have made it", key, by)
		}
		if !bytes.Equal(now, payload) {
			v.differs(key, payload, now)
		}
	}
	for i, there := range found {
		if id, err := sign.ID(v.opt.Keys[i]); !there && err == nil {
			v.problem("signatures/"+string(v.id)+"/", "a signature by key "+id, fmt.Sprintf("%d by others", len(keys)), "whoever has that key did not sign this run as it is")
		}
	}
	if len(keys) == 0 && len(v.opt.Keys) == 0 {
		v.remark("%s", v.unsigned())
	}
	stamps.hold()
	return models.whole(found)
}

// unsigned says that nobody signed the run, and who was to.
func (v *verifier) unsigned() string {
	if how, err := run.ExecutionOf(v.record); err == nil && how.SignEnv != "" && v.seal != nil {
		return "not signed, and its profile said that the key in " + how.SignEnv + " signs it at its end"
	}
	return "not signed"
}

// claims reports whether a signature says that it is by one of the keys.
func (v *verifier) claims(by string) bool {
	for _, public := range v.opt.Keys {
		if id, err := sign.ID(public); err == nil && id == by {
			return true
		}
	}
	return false
}

// differs says which object a statement has otherwise.
func (v *verifier) differs(key string, said, now []byte) {
	var old, is sign.Statement
	if json.Unmarshal(said, &old) != nil {
		v.problem(key, "a statement", "another text", "the signature was altered")
		return
	}
	if now == nil || json.Unmarshal(now, &is) != nil {
		v.problem(key, "the run as it was signed", "a run that cannot be read", "it was altered after it was signed")
		if r := old.Subject; len(r) > 0 && r[0].Digest["sha256"] != string(v.result.Seal) {
			v.problem(r[0].Name, "sha256 "+r[0].Digest["sha256"]+", as "+key+" says", cmp.Or(string(v.result.Seal), "nothing"), "it was altered, or is gone, after it was signed")
		}
		return
	}
	have := map[string]string{}
	for _, r := range is.Subject {
		have[r.Name] = r.Digest["sha256"]
	}
	told := false
	for _, r := range old.Subject {
		if got := have[r.Name]; got != r.Digest["sha256"] {
			if got == "" {
				got = "nothing"
			}
			at := r.Name
			if at == "binding" {
				at = v.key("seal.json")
			}
			v.problem(at, "sha256 "+r.Digest["sha256"]+", as "+key+" says", got, "it was altered, or sealed again, after it was signed")
			told = true
		}
	}
	if !told {
		v.problem(key, "the statement of the run as it is now", "another one", "a record or the signature was altered")
	}
}
