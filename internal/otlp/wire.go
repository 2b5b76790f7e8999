package otlp

import (
	"encoding/hex"
	"math"
	"strconv"
	"time"

	"github.com/gymline/gymline/internal/text"
)

// These are the messages of OTLP as its JSON has them: identifiers are hex, integers of
// 64 bits are text, enumerations are numbers.

type traces struct {
	Resources []resourceSpans `json:"resourceSpans"`
}

type resourceSpans struct {
	Resource resource     `json:"resource"`
	Scopes   []scopeSpans `json:"scopeSpans"`
}

type scopeSpans struct {
	Scope scope  `json:"scope"`
	Spans []span `json:"spans"`
}

type metrics struct {
	Resources []resourceMetrics `json:"resourceMetrics"`
}

type resourceMetrics struct {
	Resource resource       `json:"resource"`
	Scopes   []scopeMetrics `json:"scopeMetrics"`
}

type scopeMetrics struct {
	Scope   scope    `json:"scope"`
	Metrics []metric `json:"metrics"`
}

type resource struct {
	Attributes []attribute `json:"attributes"`
}

type scope struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

type span struct {
	Trace      string      `json:"traceId"`
	ID         string      `json:"spanId"`
	Parent     string      `json:"parentSpanId,omitempty"`
	Name       string      `json:"name"`
	Kind       int         `json:"kind"`
	Start      string      `json:"startTimeUnixNano"`
	End        string      `json:"endTimeUnixNano"`
	Attributes []attribute `json:"attributes,omitempty"`
	Status     *status     `json:"status,omitempty"`
	leaf       bool        // nothing is below it
}

// internal is the kind of a span that neither serves a request nor sends one.
const internal = 1

type status struct {
	Message string `json:"message,omitempty"`
	Code    int    `json:"code"`
}

const statusError = 2

type metric struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Gauge       *gauge `json:"gauge,omitempty"`
	Sum         *sum   `json:"sum,omitempty"`
}

type gauge struct {
	Points []point `json:"dataPoints"`
}

type sum struct {
	Points      []point `json:"dataPoints"`
	Temporality int     `json:"aggregationTemporality"`
	Monotonic   bool    `json:"isMonotonic"`
}

// cumulative is the temporality of sums since the start.
const cumulative = 2

type point struct {
	Attributes []attribute `json:"attributes,omitempty"`
	Start      string      `json:"startTimeUnixNano,omitempty"`
	Time       string      `json:"timeUnixNano"`
	Int        *string     `json:"asInt,omitempty"`
	Double     *float64    `json:"asDouble,omitempty"`
}

// answer is what a collector says of what it took.
type answer struct {
	Partial struct {
		Spans   number `json:"rejectedSpans"`
		Points  number `json:"rejectedDataPoints"`
		Message string `json:"errorMessage"`
	} `json:"partialSuccess"`
}

// A number is an integer of 64 bits; readers take it with and without quotes.
type number int64

func (n *number) UnmarshalJSON(data []byte) error {
	if len(data) > 2 && data[0] == '"' {
		data = data[1 : len(data)-1]
	}
	v, err := strconv.ParseInt(string(data), 10, 64)
	*n = number(v)
	return err
}

type attribute struct {
	Key   string `json:"key"`
	Value value  `json:"value"`
}

type value struct {
	String *string  `json:"stringValue,omitempty"`
	Bool   *bool    `json:"boolValue,omitempty"`
	Int    *string  `json:"intValue,omitempty"`
	Double *float64 `json:"doubleValue,omitempty"`
}

// mostText bounds a text in bytes: causes may quote what a provider said.
const mostText = 4096

func clip(s string) string { return text.ClipBytes(text.Safe(s), mostText) }

func words(key, s string) attribute {
	s = clip(s)
	return attribute{key, value{String: &s}}
}

func whole[N int | int64](key string, n N) attribute {
	s := strconv.FormatInt(int64(n), 10)
	return attribute{key, value{Int: &s}}
}

func fraction(key string, f float64) attribute { return attribute{key, value{Double: &f}} }

func truth(key string, b bool) attribute { return attribute{key, value{Bool: &b}} }

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func id(b []byte) string { return hex.EncodeToString(b) }
