package report

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/gymline/gymline/internal/job"
	page "github.com/gymline/gymline/internal/report"
	"github.com/gymline/gymline/internal/rows"
)

// A manifest is what the page shows of finetune-export's manifest.json.
type manifest struct {
	Simulated bool `json:"simulated"`
	Sources   []struct {
		Name   string `json:"name"`
		Traces int    `json:"traces"`
		Rows   int    `json:"rows"`
	} `json:"sources"`
	Split struct {
		Traces map[string]int `json:"traces"`
	} `json:"split"`
	Sets []struct {
		Name string      `json:"name"`
		Rows rows.Counts `json:"rows"`
	} `json:"sets"`
	Files []struct {
		Path    string `json:"path"`
		Trainer string `json:"trainer"`
		Family  string `json:"family"`
		Rows    int64  `json:"rows"`
		Bytes   int64  `json:"bytes"`
	} `json:"files"`
}

func export(ctx context.Context, t *job.Task, d *page.Data) error {
	if !t.Has("export-manifest") {
		return nil
	}
	var m manifest
	if err := t.ReadJSON(ctx, "export-manifest", &m); err != nil {
		return err
	}
	d.Simulated = d.Simulated || m.Simulated
	e := &page.Export{}
	for _, s := range m.Sources {
		e.Facts = append(e.Facts, page.Fact{Name: s.Name, Value: fmt.Sprintf("%s judged rows, %s traces", comma(s.Rows), comma(s.Traces))})
	}
	for _, split := range slices.Sorted(maps.Keys(m.Split.Traces)) {
		e.Facts = append(e.Facts, page.Fact{Name: split + " split", Value: comma(m.Split.Traces[split]) + " traces"})
	}
	for _, s := range m.Sets {
		e.Facts = append(e.Facts, page.Fact{Name: s.Name + " set", Value: fmt.Sprintf("%s of %s rows", comma(s.Rows.Accepted+s.Rows.Truncated), comma(s.Rows.Planned))})
	}
	var trainers, families []string
	for _, f := range m.Files {
		trainers, families = add(trainers, f.Trainer), add(families, f.Family)
		e.Files = append(e.Files, page.ExportFile{Path: f.Path, Rows: f.Rows, Bytes: f.Bytes})
	}
	if len(trainers) > 0 {
		e.Summary = strings.Join(trainers, ", ") + " for " + strings.Join(families, ", ")
	}
	d.Export = e
	return nil
}

// add appends a name that is set and new.
func add(list []string, name string) []string {
	if name == "" || slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

func comma(n int) string { return humanize.Comma(int64(n)) }
