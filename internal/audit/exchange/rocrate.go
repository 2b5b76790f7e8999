package exchange

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/store"
)

// What a crate conforms to.
const (
	crate    = "https://w3id.org/ro/crate/1.1"
	runCrate = "https://w3id.org/ro/wfrun/"
)

// ExperimentFile is the name that the experiment has in a crate.
const ExperimentFile = "experiment.yaml"

// RoCrate writes ro-crate-metadata.json of a run: a Workflow Run RO-Crate 0.5. The
// experiment is its workflow; the run is an action of it, and so is each step, of its job.
// Files are named by what they are in the store, with sha256 and size; the crate holds
// none of them but, where the run kept it, the experiment.
func (r *Run) RoCrate(w io.Writer) error {
	spans := r.spans()
	g := &graph{run: r, seen: map[string]bool{}}
	var parts, inputs, outputs []any
	for _, f := range sources(spans) {
		inputs = append(inputs, g.file(f))
	}
	var steps []any
	for _, s := range spans {
		for _, f := range s.outputs {
			outputs = append(outputs, g.file(f))
		}
		steps = append(steps, g.action(s))
	}
	g.workflow(r.programs())
	parts = append(append(append(parts, ref(ExperimentFile)), inputs...), outputs...)
	run := object{
		"@id": "#run", "@type": "CreateAction", "name": string(r.ID), "instrument": ref(ExperimentFile),
		"startTime": r.Created, "actionStatus": ref(status(r.State)), "object": inputs, "result": outputs,
	}
	if r.Finished != "" {
		run["endTime"] = r.Finished
	}
	if r.By != "" {
		g.add(object{"@id": "#by", "@type": "Person", "name": r.By})
		run["agent"] = ref("#by")
	}
	if r.Reason != "" {
		run["description"] = r.Reason
	}
	if len(r.Failed) > 0 && r.State == store.Failed {
		run["error"] = r.Failed[0].Cause
	}
	g.add(run)
	var profiles []any
	for _, p := range []struct{ name, title string }{{"process", "Process Run Crate"}, {"workflow", "Workflow Run Crate"}} {
		profiles = append(profiles, ref(runCrate+p.name+"/0.5"))
		g.add(object{"@id": runCrate + p.name + "/0.5", "@type": "CreativeWork", "name": p.title, "version": "0.5"})
	}
	profiles = append(profiles, ref("https://w3id.org/workflowhub/workflow-ro-crate/1.0"))
	g.add(object{"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0", "@type": "CreativeWork", "name": "Workflow RO-Crate", "version": "1.0"})
	published := r.Created
	if r.Finished != "" {
		published = r.Finished
	}
	root := object{
		"@id": "./", "@type": "Dataset", "name": "Gymline run " + string(r.ID), "datePublished": published,
		"description": fmt.Sprintf("What the run %s of the experiment %s read and made, step by step.", r.ID, r.Experiment),
		"license":     "As of its sources; see the dataset card of the export.",
		"conformsTo":  profiles, "hasPart": parts, "mainEntity": ref(ExperimentFile), "mentions": append([]any{ref("#run")}, steps...),
	}
	head := object{"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": ref("./"),
		"conformsTo": []any{ref(crate), ref("https://w3id.org/workflowhub/workflow-ro-crate/1.0")}}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(object{
		"@context": []any{crate + "/context", "https://w3id.org/ro/terms/workflow-run/context"},
		"@graph":   append([]any{head, root}, g.entities...),
	})
}

// status is how an action stands in schema.org's words.
func status(state string) string {
	name := map[string]string{store.Succeeded: "Completed", store.Failed: "Failed", store.Interrupted: "Failed"}[state]
	if name == "" {
		name = "Active"
	}
	return "http://schema.org/" + name + "ActionStatus"
}

func ref(id string) object { return object{"@id": id} }

// A graph is the entities of a crate.
type graph struct {
	run      *Run
	entities []any
	seen     map[string]bool
}

func (g *graph) add(e object) {
	if id := e["@id"].(string); !g.seen[id] {
		g.seen[id] = true
		g.entities = append(g.entities, e)
	}
}

// file adds an artifact, or a part of an input.
func (g *graph) file(f file) object {
	id := "urn:gymline:" + strings.NewReplacer("%", "%25", " ", "%20", "#", "%23", "?", "%3F").Replace(string(g.run.ID)+"/"+f.name)
	e := object{
		"@id": id, "@type": "File", "name": f.name, "encodingFormat": f.MediaType,
		"sha256": string(f.Digest), "contentSize": strconv.FormatInt(f.Bytes, 10),
	}
	if strings.HasPrefix(f.name, "inputs/") {
		e["description"] = "The list of the files that were read, with the digest of each; sha256 is of the list."
	}
	if base := path.Base(f.name); base == "manifest.json" || base == "metrics.json" {
		e["about"] = ref("./")
	}
	g.add(e)
	return ref(id)
}

// action adds a step.
func (g *graph) action(s span) object {
	tool := "#job-" + s.step.Job
	g.add(object{"@id": tool, "@type": "SoftwareApplication", "name": "gymline job " + s.step.Job, "softwareVersion": strconv.Itoa(s.step.Format), "url": home})
	var in, out []any
	for _, f := range s.inputs {
		in = append(in, g.file(f))
	}
	for _, f := range s.outputs {
		out = append(out, g.file(f))
	}
	a := object{
		"@id": "#step-" + string(s.step.Name), "@type": "CreateAction", "name": string(s.step.Name), "instrument": ref(tool),
		"startTime": s.started, "endTime": s.ended, "object": in, "result": out, "actionStatus": ref(status(store.Succeeded)),
	}
	if !s.done {
		a["actionStatus"] = ref(status(g.run.State))
		if s.failure != "" {
			a["error"] = s.failure
		}
	}
	if s.reused {
		a["description"] = "An earlier run did this work; its results were taken over."
	}
	g.add(a)
	return ref(a["@id"].(string))
}

// programs are the jobs of the run's steps.
func (r *Run) programs() (list []any) {
	seen := map[string]bool{}
	for i := range r.Steps {
		if job := r.Steps[i].Job; !seen[job] && len(r.Steps[i].Shards) > 0 && r.Steps[i].Shards[0].Record != nil {
			seen[job] = true
			list = append(list, ref("#job-"+job))
		}
	}
	return list
}

// workflow adds the experiment, and the language that it is written in.
func (g *graph) workflow(tools []any) {
	r := g.run
	e := object{
		"@id": ExperimentFile, "@type": []any{"File", "SoftwareSourceCode", "ComputationalWorkflow"},
		"name": r.Experiment, "encodingFormat": "application/yaml", "programmingLanguage": ref("#gymline"), "hasPart": tools,
		"identifier": "sha256:" + string(r.Digest),
	}
	if r.Source != nil {
		e["sha256"] = string(r.Source.Experiment)
	}
	g.add(e)
	g.add(object{"@id": "#gymline", "@type": "ComputerLanguage", "name": "Gymline", "version": r.Version, "url": home, "identifier": home})
}
