package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/gymline/gymline/internal/progress"
)

// scrape returns the values of a page of metrics that a run serves, by name and
// the labels that matter here.
func scrape(url string) (map[string]float64, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			key := name
			for _, l := range m.GetLabel() {
				key += " " + l.GetValue()
			}
			values[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values, nil
}

// A run that waits for its models tells Prometheus so, and stops serving when it ends.
func TestMetricsDuringARun(t *testing.T) {
	t.Parallel()
	s := &modelServer{}
	s.Key = canary
	release := make(chan struct{})
	s.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Calls.Load() > 115 { // of the 127 that generate makes
			<-release
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(s.http.Close)
	l := newLab(t)
	cmd := l.command("run", s.paid(t, l.dir), "--input", "samples="+filepath.Join(repo(t), "configs", "samples"), "-o", "json", "--metrics", "127.0.0.1:0")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	lines.Scan()
	url, ok := strings.CutPrefix(lines.Text(), "metrics: ")
	if !ok {
		t.Errorf("the first line does not say where the metrics are: %q", lines.Text())
	}
	seen := func(m map[string]float64) bool {
		return m["gymline_run_info paid paid-1"] == 1 && m["gymline_calls_total generate"] > 80 && m["gymline_calls_in_flight generate"] > 0 &&
			m["gymline_call_errors_total rate_limited generate"] > 0 && m["gymline_cost_usd_total generate"] > 0 && m["gymline_rows_planned generate"] == 4 &&
			m["gymline_shards running generate"] >= 1
	}
	var last map[string]float64
	for range 600 {
		if last, err = scrape(url); err == nil && seen(last) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	close(release)
	if !seen(last) {
		t.Errorf("it was never all told (%v): %v", err, last)
	}
	scored := make(chan map[string]float64)
	go func() { // as Prometheus does, to the end
		var m map[string]float64
		for next, err := m, error(nil); err == nil; next, err = scrape(url) {
			m = next
			time.Sleep(20 * time.Millisecond)
		}
		scored <- m
	}()
	for lines.Scan() {
	}
	if m := <-scored; m["gymline_f1 m"] <= 0 || m["gymline_f1_low m"] > m["gymline_f1 m"] || m["gymline_f1_high m"] < m["gymline_f1 m"] {
		t.Errorf("the run ended unseen: %v", m)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stdout.String())
	}
	if _, err := scrape(url); err == nil {
		t.Error("metrics are served after the run's end")
	}
	types, predicted := map[string]int{}, progress.Event{}
	for line := range strings.Lines(stdout.String()) {
		var e progress.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Type == "" {
			t.Fatalf("not an event: %s (%v)", line, err)
		}
		types[e.Type]++
		if e.Type == progress.Progress && e.Step == "predict" {
			predicted = e
			if e.Answered < e.Done {
				t.Errorf("more rows ended than were answered: %s", line)
			}
		}
	}
	if predicted.Answered == 0 || predicted.Answered != predicted.Total {
		t.Errorf("not all was answered: %+v", predicted)
	}
	if types[progress.RunOpened] != 1 || types[progress.RunEnded] != 1 || types[progress.Progress] == 0 || types[progress.StepState] == 0 {
		t.Errorf("events: %v", types)
	}
}

// An address that is taken is told before any work.
func TestMetricsAddressInUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	l := newLab(t)
	address := taken.Addr().String()
	stderr := l.fails(78, "run", filepath.Join(repo(t), "configs", "quickstart.yaml"), "--metrics", address)
	if !strings.Contains(stderr, address) || !strings.Contains(stderr, "address already in use") || !strings.Contains(stderr, "--metrics") {
		t.Error(stderr)
	}
	if stderr := l.fails(78, "list"); !strings.Contains(stderr, "there is no store") {
		t.Errorf("something was done all the same: %s", stderr)
	}
}
