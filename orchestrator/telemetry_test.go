package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/otlp/otlptest"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/folder"
)

const collectorKey = "canary-collector-9d2b-not-a-real-secret"

func collecting(c *otlptest.Collector) []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_EXPORTER_OTLP_HEADERS=x-key=" + collectorKey}
}

// names are the spans' names, each once, with how often they came.
func names(t *testing.T, c *otlptest.Collector) string {
	count := map[string]int{}
	var order []string
	for _, s := range c.Spans(t) {
		name := s.Name + " " + otlptest.Attributes(s.Attributes)["gymline.outcome"]
		if count[name]++; count[name] == 1 {
			order = append(order, name)
		}
	}
	slices.Sort(order)
	for i, name := range order {
		order[i] = fmt.Sprintf("%s ×%d", name, count[name])
	}
	return strings.Join(order, "\n")
}

// A run is a trace of its steps and shards; one of which nothing is done is short; what
// fails says so; and the collector's key is nowhere.
func TestTelemetryOfRuns(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	quickstart := []string{"run", filepath.Join(repo(t), "configs", "quickstart.yaml")}
	play := func(code int, args ...string) *otlptest.Collector {
		t.Helper()
		c := otlptest.New(t)
		l.env = collecting(c)
		if code == 0 {
			l.output(args...)
		} else {
			l.fails(code, args...)
		}
		for _, r := range c.Requests() {
			if r.Header.Get("X-Key") != collectorKey {
				t.Errorf("%v", r.Header)
			}
		}
		return c
	}
	c := play(0, quickstart...)
	const fresh = `evaluate shard succeeded ×1
evaluate succeeded ×1
finetune-export shard succeeded ×1
finetune-export succeeded ×1
generate shard succeeded ×2
generate succeeded ×1
predict shard succeeded ×4
predict succeeded ×1
report shard succeeded ×1
report succeeded ×1
reward shard succeeded ×1
reward succeeded ×1
run quickstart succeeded ×1`
	if got := names(t, c); got != fresh {
		t.Errorf("%s", got)
	}
	if c.Points(t, "gymline.calls")["generate"] <= 0 || len(c.Points(t, "gymline.f1")) != 4 || c.Points(t, "gymline.run_info")["quickstart-1 quickstart"] != 1 {
		t.Errorf("%v %v", c.Points(t, "gymline.calls"), c.Points(t, "gymline.f1"))
	}
	if r := c.Resource(); r["service.name"] != "gymline" || r["gymline.run"] != "quickstart-1" {
		t.Errorf("%v", r)
	}
	c = play(0, quickstart...)
	if got := names(t, c); strings.Contains(got, "shard") || strings.Count(got, " reused ×1") != 6 {
		t.Errorf("%s", got)
	}
	c = play(65, append(quickstart, "--set", "curate={quota: 100000}")...)
	if got := names(t, c); !strings.Contains(got, "curate shard failed ×1\n") || !strings.Contains(got, "run quickstart failed ×1") {
		t.Errorf("%s", got)
	}
	for _, s := range c.Spans(t) {
		failed := strings.HasPrefix(s.Name, "curate") || s.Name == "run quickstart"
		if (s.Status != nil) != failed || failed && !strings.Contains(s.Status.Message, "100000") {
			t.Errorf("%v", s)
		}
	}
	c = play(78, "run", "nothing.yaml")
	if got := names(t, c); got != "run failed ×1" {
		t.Errorf("%s", got)
	}
	searchFor(t, l.dir, collectorKey)
}

// A collector that does not listen takes nothing from a run, and is named once, without
// its address or key.
func TestTelemetryThatNobodyTakes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := otlptest.New(t)
	refusing := func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no "+collectorKey, http.StatusUnauthorized)
	}
	c.First = slices.Repeat([]http.HandlerFunc{refusing}, 1000)
	for want, env := range map[string][]string{
		"OpenTelemetry: OTEL_EXPORTER_OTLP_PROTOCOL: gymline speaks http/json and not \"grpc\"; no traces are sent.":                     append(collecting(c), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"),
		"gymline: OpenTelemetry: the collector at $OTEL_EXPORTER_OTLP_ENDPOINT did not take 17 of 17 spans: it answers 401 Unauthorized": collecting(c),
	} {
		l.dir, l.env = t.TempDir(), env
		cmd := l.command("run", filepath.Join(repo(t), "configs", "quickstart.yaml"))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if said := stderr.String(); strings.Count(said, want) != 1 || strings.Contains(said, "canary") || strings.Contains(said, c.URL) {
			t.Errorf("%s\nwant %s", said, want)
		}
	}
}

// What a pod that seals sends has the times of the records, twice the same.
func TestTelemetryOfRecords(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.output("run", filepath.Join(repo(t), "configs", "quickstart.yaml"))
	bucket, err := folder.Open(filepath.Join(l.dir, ".gymline"))
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	st := store.New(bucket)
	head, err := run.ReadHead(t.Context(), st, "quickstart-1")
	if err != nil {
		t.Fatal(err)
	}
	finished, err := store.ParseStamp(head.Finished)
	if err != nil {
		t.Fatal(err)
	}
	ended := progress.Event{Type: progress.RunEnded, Run: "quickstart-1", State: head.State, Scores: scoresOf(head.Summary)}
	var ids []string
	for range 2 {
		c := otlptest.New(t)
		var said bytes.Buffer
		edge := &cli.Edge{Now: time.Now, Stderr: &said, Getenv: func(name string) string {
			for _, v := range collecting(c) {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value
				}
			}
			return ""
		}}
		exportSealed(t.Context(), edge, st, head, ended)
		all := ""
		spans := c.Spans(t)
		for _, s := range spans {
			all += fmt.Sprintf("%x %d %d\n", s.SpanId, s.StartTimeUnixNano, s.EndTimeUnixNano)
		}
		if root := spans[len(spans)-1]; root.StartTimeUnixNano != uint64(head.Opened().UnixNano()) || root.EndTimeUnixNano != uint64(finished.UnixNano()) || len(spans) != 17 {
			t.Errorf("%d spans, and %v", len(spans), root)
		}
		if ids = append(ids, all); said.Len() > 0 || c.Points(t, "gymline.calls")["generate"] <= 0 || len(c.Points(t, "gymline.f1")) != 4 {
			t.Errorf("%s %v", said.String(), c.Points(t, "gymline.calls"))
		}

		// So does who watches, at the end, whatever came before.
		watched := otlptest.New(t)
		edge.Getenv = func(name string) string {
			return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": watched.URL}[name]
		}
		x := openExporter(edge)
		x.Since(head.Opened())
		out := watching{&jsonPrinter{progress.NewJSON(io.Discard), io.Discard, edge}, x, st, edge}
		out.Emit(progress.Event{Type: progress.StepState, Step: "generate", State: progress.Running})
		if err := out.end(t.Context(), ended, nil); err != nil {
			t.Error(err)
		}
		closeExporter(edge, x)
		all = ""
		for _, s := range watched.Spans(t) {
			all += fmt.Sprintf("%x %d %d\n", s.SpanId, s.StartTimeUnixNano, s.EndTimeUnixNano)
		}
		ids = append(ids, all)
	}
	if len(slices.Compact(ids)) != 1 {
		t.Errorf("%s", strings.Join(ids, "\nand\n"))
	}
}

// The variables reach the pod that seals, by reference, where the profile has them.
func TestTelemetryOnArgo(t *testing.T) {
	t.Parallel()
	p := &experiment.Profile{}
	p.Spec.Store.S3, p.Spec.Argo = &experiment.S3{}, &experiment.Argo{Secrets: map[string]experiment.KubeSecret{
		"OTEL_EXPORTER_OTLP_ENDPOINT": {Name: "otel", Key: "endpoint"}, "OTEL_EXPORTER_OTLP_TRACES_HEADERS": {Name: "otel", Key: "headers"}, "OTHER": {Name: "x", Key: "y"},
	}}
	c := argoConfig(p, run.Execution{}, "")
	if len(c.Seal) != 2 || c.Seal[0].Secret != "OTEL_EXPORTER_OTLP_ENDPOINT" || c.Seal[1].Name != "OTEL_EXPORTER_OTLP_TRACES_HEADERS" || len(c.Notify) != 0 {
		t.Errorf("%+v", c.Seal)
	}
}
