package report

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/job"
	page "github.com/gymline/gymline/internal/report"
	"github.com/gymline/gymline/internal/text"
)

func export(ctx context.Context, t *job.Task, d *page.Data) error {
	var m *dataset.Manifest
	if err := document(ctx, t, "export-manifest", &m); m == nil || err != nil {
		return err
	}
	e := &page.Export{}
	fact := func(name, format string, args ...any) {
		e.Facts = append(e.Facts, page.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	for _, s := range m.Sources {
		simulated := ""
		if s.Simulated > 0 {
			simulated = ", " + text.Count(s.Simulated) + " simulated"
		}
		e.Traces, e.Simulated = e.Traces+s.Traces, e.Simulated+s.Simulated
		fact(s.Name, "%s, %s%s", text.Plural(s.Rows, "row"), text.Plural(s.Traces, "trace"), simulated)
	}
	for _, x := range m.Models {
		by := ""
		if x.AnsweredBy != nil {
			by = "; answered by " + strings.Join(x.AnsweredBy, ", ")
		}
		fact("gym's "+x.Role, "%s%s", x.Asked, by)
	}
	for _, split := range slices.Sorted(maps.Keys(m.Split.Traces)) {
		fact(split+" split", "%s", text.Plural(m.Split.Traces[split], "trace"))
	}
	for _, s := range m.Sets {
		fact(s.Name+" set", "%s of %s", text.Count(s.Rows.Accepted+s.Rows.Truncated), text.Plural(s.Rows.Planned, "row"))
		if s.Redacted != nil || s.Placeholders != nil {
			fact(s.Name+" placeholders", "%s", cmp.Or(text.Kinds(s.Placeholders), "nothing to redact"))
		}
	}
	if b := m.Benchmark; b != nil { // rows that share an event with it
		for _, set := range slices.Sorted(maps.Keys(b.Rejected)) {
			fact(set+" rows in the benchmark", "%s left out", text.Count(b.Rejected[set]))
		}
		for _, set := range slices.Sorted(maps.Keys(b.Kept)) {
			fact(set+" rows in the benchmark", "%s kept", text.Count(b.Kept[set]))
		}
	}
	if m.Split.Alone {
		fact("split", "between sessions of one scene or seed task")
	}
	for _, warning := range m.TooLong() {
		fact("too long", "%s", warning)
	}
	var trainers, families []string
	for _, f := range m.Files {
		trainers, families = add(trainers, f.Trainer), add(families, f.Family)
		e.Files = append(e.Files, f)
	}
	if len(trainers) > 0 {
		e.Summary = strings.Join(trainers, ", ") + " for " + strings.Join(families, ", ")
	}
	d.Export = e
	return nil
}

func add(list []string, name string) []string {
	if name == "" || slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}
