package otlp

import (
	"strings"
	"testing"
	"time"
)

// What the variables say, and what is wrong with them, without a value of theirs.
func TestFromEnv(t *testing.T) {
	const url = "http://127.0.0.1:4318"
	for name, test := range map[string]struct {
		env             map[string]string
		traces, metrics string // where they go; "": nowhere
		problem         string // "": none
	}{
		"nothing":       {env: map[string]string{"OTEL_SERVICE_NAME": "x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}},
		"disabled":      {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_SDK_DISABLED": "TRUE"}},
		"not disabled":  {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_SDK_DISABLED": "1"}, traces: url + "/v1/traces", metrics: url + "/v1/metrics"},
		"for all":       {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url + "/a/"}, traces: url + "/a/v1/traces", metrics: url + "/a/v1/metrics"},
		"for traces":    {env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url + "/a"}, traces: url + "/a"},
		"each its own":  {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": url + "/m"}, traces: url + "/v1/traces", metrics: url + "/m"},
		"no metrics":    {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_METRICS_EXPORTER": "none"}, traces: url + "/v1/traces"},
		"two exporters": {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_TRACES_EXPORTER": "console, otlp"}, traces: url + "/v1/traces", metrics: url + "/v1/metrics"},
		"another exporter": {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_TRACES_EXPORTER": "zipkin"}, metrics: url + "/v1/metrics",
			problem: "OTEL_TRACES_EXPORTER: only otlp and none are known; no traces are sent"},
		"protobuf": {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, traces: url + "/v1/traces", metrics: url + "/v1/metrics"},
		"grpc": {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, metrics: url + "/v1/metrics",
			problem: `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: gymline speaks http/json and not "grpc"; no traces are sent. Set it to http/json, and the endpoint to the collector's port for HTTP`},
		"no URL":      {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "canary:4317", "OTEL_METRICS_EXPORTER": "none"}, problem: "OTEL_EXPORTER_OTLP_ENDPOINT is no http or https URL; no traces are sent"},
		"bad headers": {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "canary"}, traces: url + "/v1/traces", metrics: url + "/v1/metrics", problem: "OTEL_EXPORTER_OTLP_TRACES_HEADERS is not NAME=VALUE"},
		"a header in two lines": {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=canary%0d%0ab: c"}, traces: url + "/v1/traces", metrics: url + "/v1/metrics",
			problem: "OTEL_EXPORTER_OTLP_TRACES_HEADERS is not NAME=VALUE"},
		"bad timeout":    {env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, traces: url, problem: "OTEL_EXPORTER_OTLP_TIMEOUT is no number of milliseconds; it is taken as 10000"},
		"bad attributes": {env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url, "OTEL_RESOURCE_ATTRIBUTES": "a=%zz"}, traces: url, problem: "OTEL_RESOURCE_ATTRIBUTES is not NAME=VALUE"},
		"bad parent":     {env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url, "TRACEPARENT": "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"}, traces: url, problem: "TRACEPARENT is no W3C trace context"},
		"short parent":   {env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url, "TRACEPARENT": "00-4bf92f3577b34da6-00f067aa0ba902b7-01"}, traces: url, problem: "TRACEPARENT is no W3C trace context"},
		"compression":    {env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "zstd"}, traces: url, problem: "only gzip and none are known"},
	} {
		c, problems := FromEnv(func(name string) string { return test.env[name] })
		var said []string
		for _, err := range problems {
			said = append(said, err.Error())
		}
		all := strings.Join(said, "\n")
		if (all == "") != (test.problem == "") || !strings.Contains(all, test.problem) || strings.Contains(all, "canary") {
			t.Errorf("%s: %q, want %q", name, all, test.problem)
		}
		if c == nil {
			c = &Config{}
		}
		if to(c.traces) != test.traces || to(c.metrics) != test.metrics {
			t.Errorf("%s: %+v and %+v", name, c.traces, c.metrics)
		}
	}
	c, _ := FromEnv(func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": "500", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "700", "OTEL_METRIC_EXPORT_INTERVAL": "2000"}[name]
	})
	if c.traces.timeout != 500*time.Millisecond || c.metrics.timeout != 700*time.Millisecond || c.interval != 2*time.Second {
		t.Errorf("%+v %+v %s", c.traces, c.metrics, c.interval)
	}
}

func to(t *target) string {
	if t == nil {
		return ""
	}
	return t.url
}
