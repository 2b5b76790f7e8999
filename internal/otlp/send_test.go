package otlp

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/otlp/otlptest"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

const canary = "canary-collector-key"

func answers(status int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}
}

// quick takes the time out of what is tested.
func quick(t *testing.T, flush time.Duration) {
	was, before := waits, flushWithin
	waits, flushWithin = make([]time.Duration, 3), flush
	t.Cleanup(func() { waits, flushWithin = was, before })
}

// What may pass is tried again, what does not is said once, and nothing that is said has
// the address, a header or more of the collector's words than it means to say.
func TestWhatIsNotTaken(t *testing.T) {
	for name, test := range map[string]struct {
		first []http.HandlerFunc
		want  string // "": nothing
	}{
		"it is busy":          {[]http.HandlerFunc{answers(503)}, ""},
		"it asks for no wait": {[]http.HandlerFunc{answers(429, "Retry-After", "0")}, ""},
		"it names a time":     {[]http.HandlerFunc{answers(429, "Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT", "Date", "Mon, 02 Jan 2006 15:04:05 GMT")}, ""},
		"it names a late one": {[]http.HandlerFunc{answers(429, "Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT", "Date", "Mon, 02 Jan 2006 14:04:05 GMT")},
			"the collector at $OTEL_EXPORTER_OTLP_ENDPOINT did not take 7 of 7 spans: it answers 429 Too Many Requests, at try 1, and there is no time for another"},
		"it stays away":       {[]http.HandlerFunc{answers(502), answers(504)}, "did not take 7 of 7 spans: it answers 504 Gateway Timeout, at try 2"},
		"it breaks":           {[]http.HandlerFunc{answers(500)}, "did not take 7 of 7 spans: it answers 500 Internal Server Error, at try 1"},
		"it knows no JSON":    {[]http.HandlerFunc{answers(415)}, "it answers 415 Unsupported Media Type"},
		"it sends elsewhere":  {[]http.HandlerFunc{answers(307, "Location", "/elsewhere")}, "it answers 307 Temporary Redirect"},
		"it takes some":       {[]http.HandlerFunc{says(`{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too \u001b[2J old"}}`)}, `did not take 2 of 7 spans: it rejects them: too \u001b[2J old`},
		"it takes some, bare": {[]http.HandlerFunc{says(`{"partialSuccess":{"rejectedSpans":3}}`)}, "did not take 3 of 7 spans: it rejects them"},
		"it only warns":       {[]http.HandlerFunc{says(`{"partialSuccess":{"errorMessage":"old"}}`)}, ""},
		"it says nothing":     {[]http.HandlerFunc{says("")}, ""},
		"it says a page":      {[]http.HandlerFunc{says("<html>")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			quick(t, time.Minute)
			c := otlptest.New(t, test.first...)
			x := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL + "/" + canary, "OTEL_METRICS_EXPORTER": "none",
				"OTEL_EXPORTER_OTLP_HEADERS": "x-key=" + strings.ReplaceAll(canary, "-", "%2D") + ",team=a", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"})
			play(x)
			err := x.Close()
			if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), canary)) {
				t.Errorf("%v, want %q", err, test.want)
			}
			c.Spans(t)
			for _, r := range c.Requests() {
				if r.Header.Get("X-Key") != canary || r.Header.Get("Team") != "a" || r.URL.Path != "/"+canary+"/v1/traces" {
					t.Errorf("%s %v", r.URL, r.Header)
				}
			}
		})
	}
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// Nobody waits for a collector that is not there, or hangs.
func TestNobodyAnswers(t *testing.T) {
	quick(t, 50*time.Millisecond)
	hang := make(chan struct{})
	defer close(hang)
	hanging := otlptest.New(t, func(http.ResponseWriter, *http.Request) { <-hang }, func(http.ResponseWriter, *http.Request) { <-hang })
	gone := otlptest.New(t)
	gone.Close()
	for _, url := range []string{hanging.URL, gone.URL} {
		x := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": url + "/v1/metrics"})
		play(x)
		err := x.Close()
		for _, want := range []string{"the collector at $OTEL_EXPORTER_OTLP_ENDPOINT did not take 7 of 7 spans: it ", "the collector at $OTEL_EXPORTER_OTLP_METRICS_ENDPOINT did not take the last metrics: it "} {
			late := err != nil && strings.Contains(err.Error(), want+"does not answer in time")
			if !late && (url == hanging.URL || err == nil || !strings.Contains(err.Error(), want+"cannot be reached, at try 2")) {
				t.Errorf("%v\nwant %s", err, want)
			}
		}
	}
}

// What waits is bounded, and what finds no room is counted; it is never the run's span.
func TestRoom(t *testing.T) {
	quick(t, time.Minute)
	c := otlptest.New(t)
	free := make(chan struct{})
	c.First = []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) { <-free }}
	x := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_METRICS_EXPORTER": "none"})
	defer func(most int) { mostSpans = most }(mostSpans)
	mostSpans = 2 * spansAtOnce
	shards := mostSpans + 3*spansAtOnce
	x.Emit(progress.Event{Type: progress.RunOpened, Run: "x-1", Experiment: "x", Steps: []progress.StepShape{{Step: "s", Shards: shards}}})
	for i := range shards {
		x.Emit(state("s", i, progress.Failed))
	}
	x.Emit(progress.Event{Type: progress.RunEnded, Run: "x-1", State: store.Failed})
	close(free)
	err := x.Close()
	if x.dropped < 2*spansAtOnce || err == nil || err.Error() != fmt.Sprintf("%d of %d spans were dropped, because more than %d waited", x.dropped, shards+2, mostSpans) {
		t.Errorf("%v; %d were dropped", err, x.dropped)
	}
	if n := len(c.Spans(t)); n+x.dropped+spansAtOnce < shards+2 { // but for a message that was answered without a word
		t.Errorf("%d came of %d", n, shards+2)
	}
}
