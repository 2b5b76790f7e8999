package verify

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/gymline/gymline/internal/audit/oms"
	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/store"
)

// models are the bundles over a run's exports and checkpoints.
type models struct {
	*verifier
	sets map[string][]byte // the statements that follow from the records, by step, as they were wanted
	by   []map[string]bool // the steps that each of the keys signed
}

func (v *verifier) newModels() *models {
	m := &models{verifier: v, sets: map[string][]byte{}}
	for range v.opt.Keys {
		m.by = append(m.by, map[string]bool{})
	}
	return m
}

// of is the statement over a step's files as they are now; nil: it makes no set.
func (m *models) of(step store.StepName) ([]byte, error) {
	if s, there := m.sets[string(step)]; there {
		return s, nil
	}
	var now []byte
	if slices.ContainsFunc(m.steps[step], oms.Leaves) {
		var err error
		if now, err = oms.StatementOf(m.ctx, m.st, m.id, step); err != nil {
			if m.ends(err) {
				return nil, err
			}
			now = nil // what it follows from is told of by itself
		}
	}
	m.sets[string(step)] = now
	return now, nil
}

// bundle holds one bundle against the files as they are now.
func (m *models) bundle(key string, data []byte) error {
	b, err := oms.Read(data)
	if err != nil {
		m.problem(key, "a bundle as OpenSSF Model Signing 1.0 has it", err.Error(), "the signature was altered")
		return nil
	}
	known := false
	for i, public := range m.opt.Keys {
		if b.By(public) {
			known, m.by[i][b.Name()] = true, true
		}
	}
	claimed := slices.ContainsFunc(m.opt.Keys, b.Claims)
	switch {
	case known && !slices.Contains(m.result.Models, b.Name()):
		m.result.Models = append(m.result.Models, b.Name())
	case known:
	case claimed:
		m.problem(key, "a signature by key "+b.Hint(), "bytes that it did not sign", "the signature was altered")
		return nil
	default:
		m.remark("%s is over %s by the key whose PEM has the sha256 %s, which was not given: anybody may have made it", key, b.Name(), b.Hint())
	}
	now, err := m.of(store.StepName(b.Name()))
	if err == nil && !bytes.Equal(now, b.Payload) {
		m.otherFiles(key, b, now)
	}
	return err
}

// otherFiles says which files a bundle has otherwise.
func (m *models) otherFiles(key string, b *oms.Bundle, now []byte) {
	var is oms.Statement
	if now == nil || json.Unmarshal(now, &is) != nil {
		m.problem(key, "an export or a checkpoint "+b.Name()+" of the run", "none that can be read", "its record or the signature was altered")
		return
	}
	have := map[string]string{}
	for _, r := range is.Predicate.Resources {
		have[r.Name] = r.Digest
	}
	for _, r := range b.Statement.Predicate.Resources {
		if got := have[r.Name]; got != r.Digest {
			if got == "" {
				got = "nothing"
			}
			m.problem(key, b.Name()+"/"+r.Name+" with the sha256 "+r.Digest, got, "a file was altered after it was signed")
			return
		}
	}
	m.problem(key, "the statement over the files of "+b.Name()+" as they are now", "another one", "a record or the signature was altered")
}

// whole wants every set signed by each key that signed the run and can.
func (m *models) whole(found []bool) error {
	for i, public := range m.opt.Keys {
		if !found[i] || !oms.Supports(public) || m.plan == nil {
			continue
		}
		id, err := sign.ID(public)
		if err != nil {
			return err
		}
		for _, step := range m.plan.Steps {
			if m.by[i][string(step.Name)] {
				continue
			}
			now, err := m.of(step.Name)
			if err != nil {
				return err
			}
			if now != nil {
				m.problem("signatures/"+string(m.id)+"/", "a model signature of "+string(step.Name)+" by key "+id, "none", "it is gone, or the files came after the run was signed")
			}
		}
	}
	return nil
}
