package sign

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// What the statement is.
const (
	statementType  = "https://in-toto.io/Statement/v1"
	provenanceType = "https://slsa.dev/provenance/v1"
	buildType      = "https://github.com/gymline/gymline/run/v1"
	builderID      = "https://github.com/gymline/gymline"
)

// A Resource is a thing with a digest, as in-toto describes them.
type Resource struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// A Statement is an in-toto statement with SLSA's provenance.
type Statement struct {
	Type          string     `json:"_type"`
	Subject       []Resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     Provenance `json:"predicate"`
}

// Provenance says what a run was made of.
type Provenance struct {
	BuildDefinition struct {
		BuildType            string         `json:"buildType"`
		ExternalParameters   map[string]any `json:"externalParameters"`
		InternalParameters   map[string]any `json:"internalParameters"`
		ResolvedDependencies []Resource     `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID      string            `json:"id"`
			Version map[string]string `json:"version"`
		} `json:"builder"`
		Metadata   map[string]string `json:"metadata"`
		Byproducts []Resource        `json:"byproducts"`
	} `json:"runDetails"`
}

func sha256Of(name string, d store.Digest) Resource {
	return Resource{name, map[string]string{"sha256": string(d)}}
}

// Of is the statement of a sealed run, as its records are now: canonical JSON.
func Of(ctx context.Context, st *store.Store, id store.RunID) ([]byte, error) {
	r, err := run.Read(ctx, st, id)
	if err != nil {
		return nil, err
	}
	seal, err := st.ReadSeal(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.Usage, fmt.Errorf("run %s has not ended: only a sealed run is signed", id), "sign it when it has")
	}
	if err != nil {
		return nil, err
	}
	bound, err := st.BindSeal(ctx, id)
	if err != nil {
		return nil, err
	}
	how, err := run.ExecutionOf(r.Run)
	if err != nil {
		return nil, err
	}
	s := Statement{Type: statementType, PredicateType: provenanceType, Subject: []Resource{sha256Of(bound.Key, bound.SHA256)}}
	define(&s.Predicate, r, how)
	d := &s.Predicate.RunDetails
	d.Builder.ID, d.Builder.Version = builderID, map[string]string{"gymline": r.Version}
	if b := r.Binary; b != nil && b.Digest != "" {
		d.Builder.Version["sha256"] = string(b.Digest)
	}
	d.Metadata = map[string]string{"invocationId": string(id), "startedOn": r.Created, "finishedOn": seal.Finished}
	d.Byproducts = []Resource{}
	if seal.Binding != "" {
		s.Subject = append(s.Subject, sha256Of("binding", seal.Binding))
		b, err := st.ReadBinding(ctx, id, seal.Binding)
		if err != nil {
			return nil, err
		}
		for _, p := range b.Previous {
			d.Byproducts = append(d.Byproducts, sha256Of("runs/"+string(p.Run)+"/seal.json", p.Seal))
		}
	}
	made, err := outputs(r)
	if err != nil {
		return nil, err
	}
	s.Subject = append(s.Subject, made...)
	return canonical.JSON(s)
}

// define says what was asked for.
func define(p *Provenance, r *run.Run, how run.Execution) {
	def := &p.BuildDefinition
	def.BuildType, def.ResolvedDependencies = buildType, []Resource{}
	def.ExternalParameters = map[string]any{"experiment": r.Experiment, "set": append([]string{}, how.Set...)}
	if len(how.Inputs) > 0 {
		def.ExternalParameters["inputs"] = how.Inputs
	}
	def.InternalParameters = map[string]any{"experimentDigest": r.Digest, "planDigest": r.Run.Plan}
	if s := r.Source; s != nil {
		def.ResolvedDependencies = append(def.ResolvedDependencies, sha256Of("experiment", s.Experiment))
		if s.Profile != "" {
			def.ResolvedDependencies = append(def.ResolvedDependencies, sha256Of("profile", s.Profile))
		}
		for _, name := range slices.Sorted(maps.Keys(s.Files)) {
			def.ResolvedDependencies = append(def.ResolvedDependencies, sha256Of("file/"+name, s.Files[name].Digest))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Inputs)) {
		def.ResolvedDependencies = append(def.ResolvedDependencies, sha256Of("input/"+name, r.Inputs[name].Digest))
	}
}

// outputs are what leaves a run: exports, by their lists, and checkpoints, by what the step
// took.
func outputs(r *run.Run) (list []Resource, err error) {
	for _, step := range r.Steps {
		for _, shard := range step.Shards {
			rec := shard.Record
			if rec == nil {
				continue
			}
			if rec.Published != "" {
				prefix, data, err := store.ExportOf(rec.Published, rec.Outputs)
				if err != nil {
					return nil, err
				}
				list = append(list, sha256Of(prefix+store.ExportList, store.DigestOf(data)))
			}
			for _, a := range rec.Outputs {
				if a.Name == checkpointOutput {
					list = append(list, sha256Of(string(rec.Step)+"/"+a.Name, a.Digest))
				}
			}
		}
	}
	return list, nil
}
