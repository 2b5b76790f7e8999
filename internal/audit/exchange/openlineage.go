package exchange

import (
	"io"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/store"
)

// The schemas of OpenLineage that events follow.
const (
	lineageSpec  = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
	parentFacet  = "https://openlineage.io/spec/facets/1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet"
	engineFacet  = "https://openlineage.io/spec/facets/1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet"
	errorFacet   = "https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet"
	typeFacet    = "https://openlineage.io/spec/facets/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet"
	versionFacet = "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"
	readFacet    = "https://openlineage.io/spec/facets/1-0-0/InputStatisticsInputDatasetFacet.json#/$defs/InputStatisticsInputDatasetFacet"
	wroteFacet   = "https://openlineage.io/spec/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet"
)

// namespace is of jobs and datasets.
const namespace = "gymline"

type object = map[string]any

// OpenLineage writes a run as events: one that starts and one that ends the run, and each
// of its steps, whose parent it is. A dataset is an artifact, named by experiment, step,
// shard and output; its version is its digest.
func (r *Run) OpenLineage(w io.Writer) error {
	spans := r.spans()
	var inputs, outputs []any
	for _, f := range sources(spans) {
		inputs = append(inputs, r.dataset(f, "inputFacets"))
	}
	list := []any{r.event("START", r.Created, "", r.runFacets(""), inputs, nil)}
	for _, s := range spans {
		name := "." + string(s.step.Name)
		var in, out []any
		for _, f := range s.inputs {
			in = append(in, r.dataset(f, "inputFacets"))
		}
		for _, f := range s.outputs {
			out = append(out, r.dataset(f, "outputFacets"))
		}
		outputs = append(outputs, out...)
		list = append(list, r.event("START", s.started, name, r.stepFacets(""), in, nil))
		switch {
		case s.done:
			list = append(list, r.event("COMPLETE", s.ended, name, r.stepFacets(""), in, out))
		case r.Finished != "":
			list = append(list, r.event("FAIL", r.Finished, name, r.stepFacets(s.failure), in, out))
		}
	}
	if r.Finished != "" {
		end := map[string]string{store.Succeeded: "COMPLETE", store.Failed: "FAIL", store.Interrupted: "ABORT"}[r.State]
		why := ""
		if len(r.Failed) > 0 && end == "FAIL" {
			why = r.Failed[0].Cause
		}
		list = append(list, r.event(end, r.Finished, "", r.runFacets(why), inputs, outputs))
	}
	return lines(w, list)
}

func (r *Run) event(kind, at, step string, facets object, inputs, outputs []any) object {
	role := "JOB"
	if step != "" {
		role = "TASK"
	}
	e := object{
		"eventType": kind, "eventTime": at, "producer": r.producer(), "schemaURL": lineageSpec + "#/$defs/RunEvent",
		"run": object{"runId": r.uuid(step), "facets": facets},
		"job": object{"namespace": namespace, "name": r.Experiment + step, "facets": object{
			"jobType": r.facet(typeFacet, object{"processingType": "BATCH", "integration": "GYMLINE", "jobType": role}),
		}},
		"inputs": append([]any{}, inputs...), "outputs": append([]any{}, outputs...),
	}
	return e
}

// facet is one with what all must have.
func (r *Run) facet(schema string, fields object) object {
	fields["_producer"], fields["_schemaURL"] = r.producer(), schema
	return fields
}

// runFacets are of the run itself.
func (r *Run) runFacets(why string) object {
	f := object{
		"processing_engine": r.facet(engineFacet, object{"name": "Gymline", "version": r.Version}),
		"gymline_run": r.facet(home+"/blob/main/docs/audit.md#openlineage", object{
			"run": r.ID, "experimentDigest": r.Digest, "planDigest": r.Head.Plan,
		}),
	}
	if why != "" {
		f["errorMessage"] = r.facet(errorFacet, object{"message": why, "programmingLanguage": "Go"})
	}
	return f
}

// stepFacets are of a step's run, whose parent is the run.
func (r *Run) stepFacets(why string) object {
	whole := object{"run": object{"runId": r.uuid("")}, "job": object{"namespace": namespace, "name": r.Experiment}}
	f := r.runFacets(why)
	f["parent"] = r.facet(parentFacet, object{"run": whole["run"], "job": whole["job"], "root": whole})
	return f
}

func (r *Run) dataset(f file, statistics string) object {
	schema, counted := wroteFacet, "outputStatistics"
	if statistics == "inputFacets" {
		schema, counted = readFacet, "inputStatistics"
	}
	numbers := object{"size": f.Bytes}
	if f.MediaType == job.JSONL {
		numbers["rowCount"] = f.Rows
	}
	return object{
		"namespace": namespace, "name": r.Experiment + "/" + f.name,
		"facets":   object{"version": r.facet(versionFacet, object{"datasetVersion": "sha256:" + string(f.Digest)})},
		statistics: object{counted: r.facet(schema, numbers)},
	}
}
