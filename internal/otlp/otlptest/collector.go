// Package otlptest is an OpenTelemetry collector on loopback that takes only what the
// protocol's own definition has, field by field.
package otlptest

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// A Collector keeps what it takes. First answers its first requests in another way,
// one each.
type Collector struct {
	*httptest.Server
	First []http.HandlerFunc

	mu       sync.Mutex
	requests []*http.Request
	spans    []*tracepb.Span
	metrics  map[string]*metricspb.Metric // the last of each name
	resource map[string]string            // the last
	wrong    []string
}

// New starts one.
func New(t testing.TB, first ...http.HandlerFunc) *Collector {
	c := &Collector{First: first, metrics: map[string]*metricspb.Metric{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.requests = append(c.requests, r)
	var instead http.HandlerFunc
	if len(c.First) > 0 {
		instead, c.First = c.First[0], c.First[1:]
	}
	c.mu.Unlock()
	body, err := read(r)
	if instead != nil {
		instead(w, r)
		return
	}
	if err == nil {
		err = c.take(r, body)
	}
	if err != nil {
		c.mu.Lock()
		c.wrong = append(c.wrong, fmt.Sprintf("%s: %v: %s", r.URL.Path, err, body))
		c.mu.Unlock()
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"partialSuccess":{}}`)
}

func read(r *http.Request) ([]byte, error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		body = unpacked
	}
	return io.ReadAll(body)
}

func (c *Collector) take(r *http.Request, body []byte) error {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		return fmt.Errorf("%s of %s", r.Method, r.Header.Get("Content-Type"))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/v1/traces"):
		var m collectortrace.ExportTraceServiceRequest
		if err := decode(body, &m); err != nil {
			return err
		}
		for _, of := range m.ResourceSpans {
			c.resource = Attributes(of.Resource.Attributes)
			for _, s := range of.ScopeSpans {
				c.spans = append(c.spans, s.Spans...)
			}
		}
	case strings.HasSuffix(r.URL.Path, "/v1/metrics"):
		var m collectormetrics.ExportMetricsServiceRequest
		if err := decode(body, &m); err != nil {
			return err
		}
		for _, of := range m.ResourceMetrics {
			c.resource = Attributes(of.Resource.Attributes)
			for _, s := range of.ScopeMetrics {
				for _, metric := range s.Metrics {
					c.metrics[metric.Name] = metric
				}
			}
		}
	default:
		return fmt.Errorf("nothing is served at %s", r.URL.Path)
	}
	return nil
}

// decode reads OTLP's JSON, which is that of protocol buffers but for identifiers in hex.
func decode(body []byte, m proto.Message) error {
	var doc any
	if err := json.Unmarshal(body, &doc); err != nil {
		return err
	}
	if err := mend(doc); err != nil {
		return err
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(data, m)
}

// identifiers are the bytes of those that are written in hex.
var identifiers = map[string]int{"traceId": 16, "spanId": 8, "parentSpanId": 8}

// mend writes identifiers as protojson wants them, and refuses what other readers would.
func mend(doc any) error {
	switch doc := doc.(type) {
	case []any:
		for _, v := range doc {
			if err := mend(v); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, v := range doc {
			s, isText := v.(string)
			switch {
			case identifiers[key] > 0:
				raw, err := hex.DecodeString(s)
				if err != nil || len(raw) != identifiers[key] || strings.ToLower(s) != s {
					return fmt.Errorf("%s is %v", key, v)
				}
				doc[key] = base64.StdEncoding.EncodeToString(raw)
			case strings.HasSuffix(key, "UnixNano") || key == "intValue" || key == "asInt":
				if !isText {
					return fmt.Errorf("%s is %v, and no text", key, v)
				}
			case key == "kind" || key == "code" || key == "aggregationTemporality":
				if isText {
					return fmt.Errorf("%s is %v, and no number", key, v)
				}
			}
			if err := mend(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// Attributes are the values by key, as text.
func Attributes(list []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range list {
		switch v := a.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			all[a.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			all[a.Key] = fmt.Sprint(v.IntValue)
		case *commonpb.AnyValue_DoubleValue:
			all[a.Key] = fmt.Sprint(v.DoubleValue)
		case *commonpb.AnyValue_BoolValue:
			all[a.Key] = fmt.Sprint(v.BoolValue)
		}
	}
	return all
}

// Spans are those that came, checked: each begins before it ends, has an identifier of its
// own and a parent that came too, unless it is one of others.
func (c *Collector) Spans(t testing.TB, others ...string) []*tracepb.Span {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, text := range c.wrong {
		t.Error(text)
	}
	seen := map[string]bool{}
	for _, s := range c.spans {
		if seen[string(s.SpanId)] {
			t.Errorf("two spans are %x", s.SpanId)
		}
		seen[string(s.SpanId)] = true
	}
	for _, s := range c.spans {
		if s.StartTimeUnixNano == 0 || s.StartTimeUnixNano > s.EndTimeUnixNano || s.Name == "" || s.Kind != tracepb.Span_SPAN_KIND_INTERNAL || string(s.TraceId) != string(c.spans[0].TraceId) {
			t.Errorf("%v", s)
		}
		if len(s.ParentSpanId) > 0 && !seen[string(s.ParentSpanId)] && (len(others) == 0 || hex.EncodeToString(s.ParentSpanId) != others[0]) {
			t.Errorf("nobody knows the parent of %v", s)
		}
	}
	return c.spans
}

// Points are the numbers of a metric that came last, by the values of their attributes.
func (c *Collector) Points(t testing.TB, metric string) map[string]float64 {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.metrics[metric]
	if m == nil {
		return nil
	}
	points := m.GetGauge().GetDataPoints()
	if s := m.GetSum(); s != nil {
		points = s.DataPoints
		if !s.IsMonotonic || s.AggregationTemporality != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
			t.Errorf("%v", m)
		}
	}
	all := map[string]float64{}
	for _, p := range points {
		var of []string
		for _, a := range p.Attributes {
			of = append(of, a.Value.GetStringValue())
		}
		if p.TimeUnixNano == 0 || p.TimeUnixNano < p.StartTimeUnixNano || m.GetSum() != nil && p.StartTimeUnixNano == 0 {
			t.Errorf("%s: %v", metric, p)
		}
		all[strings.Join(of, " ")] = p.GetAsDouble() + float64(p.GetAsInt())
	}
	return all
}

// Resource is what the last message was of.
func (c *Collector) Resource() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resource
}

// Requests are all that came.
func (c *Collector) Requests() []*http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}
