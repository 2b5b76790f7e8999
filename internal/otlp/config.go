package otlp

import (
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The variables that are read. All but the first two have forms of their own for traces
// and metrics, such as OTEL_EXPORTER_OTLP_TRACES_HEADERS.
const (
	envDisabled    = "OTEL_SDK_DISABLED"
	envParent      = "TRACEPARENT"
	envService     = "OTEL_SERVICE_NAME"
	envResource    = "OTEL_RESOURCE_ATTRIBUTES"
	envInterval    = "OTEL_METRIC_EXPORT_INTERVAL"
	envOTLP        = "OTEL_EXPORTER_OTLP_"
	defaultService = "gymline"
)

const (
	defaultTimeout  = 10 * time.Second
	defaultInterval = time.Minute
)

// Endpoints are the variables of which one says that something is to be sent.
func Endpoints() []string {
	return []string{envOTLP + "ENDPOINT", envOTLP + "TRACES_ENDPOINT", envOTLP + "METRICS_ENDPOINT"}
}

// Variables are those that say what is sent, and where.
func Variables() []string {
	list := []string{envDisabled, envService, envResource, envInterval, "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER"}
	for _, of := range []string{"", "TRACES_", "METRICS_"} {
		for _, what := range []string{"ENDPOINT", "HEADERS", "TIMEOUT", "PROTOCOL", "COMPRESSION"} {
			list = append(list, envOTLP+of+what)
		}
	}
	return list
}

// A Config is what the environment says of where to send.
type Config struct {
	traces, metrics *target // nil: nowhere
	resource        []attribute
	parent          *parent // nil: the run is its trace's root
	interval        time.Duration
}

// A target is where one kind of data goes. Its address and headers may hold keys, and
// no error shows them.
type target struct {
	variable string // that has the address
	url      string
	header   http.Header
	timeout  time.Duration
	gzip     bool
}

// A parent is what the run is part of.
type parent struct {
	trace [16]byte
	span  [8]byte
}

// FromEnv reads the variables; nil: nothing is to be sent. What cannot be used of them
// is told, and never a value.
func FromEnv(getenv func(string) string) (c *Config, problems []error) {
	if strings.EqualFold(getenv(envDisabled), "true") || !slices.ContainsFunc(Endpoints(), func(name string) bool { return getenv(name) != "" }) {
		return nil, nil
	}
	r := &reader{getenv: getenv}
	c = &Config{traces: r.target("TRACES"), metrics: r.target("METRICS"), interval: r.millis(envInterval, defaultInterval)}
	if c.traces == nil && c.metrics == nil {
		return nil, r.problems
	}
	c.resource = r.resource()
	var sampled bool
	if c.parent, sampled = r.parent(); !sampled {
		c.traces = nil
	}
	return c, r.problems
}

type reader struct {
	getenv   func(string) string
	problems []error
}

func (r *reader) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf(format, args...))
}

// of returns a signal's variable or, where that is not set, the one for all.
func (r *reader) of(signal, what string) (name, value string) {
	if name = envOTLP + signal + "_" + what; r.getenv(name) != "" {
		return name, r.getenv(name)
	}
	name = envOTLP + what
	return name, r.getenv(name)
}

// target returns where a signal goes, nil: nowhere.
func (r *reader) target(signal string) *target {
	if name := "OTEL_" + signal + "_EXPORTER"; r.getenv(name) != "" {
		list := strings.Split(r.getenv(name), ",")
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		if !slices.Contains(list, "otlp") {
			if !slices.Contains(list, "none") {
				r.problem("%s: only otlp and none are known; no %s are sent", name, strings.ToLower(signal))
			}
			return nil
		}
	}
	t := &target{header: http.Header{}}
	var text string
	if t.variable, text = r.of(signal, "ENDPOINT"); text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		r.problem("%s is no http or https URL; no %s are sent", t.variable, strings.ToLower(signal))
		return nil
	}
	if t.variable == envOTLP+"ENDPOINT" {
		u = u.JoinPath("v1", strings.ToLower(signal))
	}
	t.url = u.String()
	if name, protocol := r.of(signal, "PROTOCOL"); protocol != "" && protocol != "http/json" && protocol != "http/protobuf" {
		r.problem("%s: gymline speaks http/json and not %q; no %s are sent. Set it to http/json, and the endpoint to the collector's port for HTTP, which is 4318 by default",
			name, clip(protocol), strings.ToLower(signal))
		return nil
	}
	name, _ := r.of(signal, "TIMEOUT")
	t.timeout = r.millis(name, defaultTimeout)
	name, compression := r.of(signal, "COMPRESSION")
	switch compression {
	case "gzip":
		t.gzip = true
	case "", "none":
	default:
		r.problem("%s: only gzip and none are known; nothing is compressed", name)
	}
	name, headers := r.of(signal, "HEADERS")
	list, ok := pairs(headers)
	for _, h := range list {
		ok = ok && token(h[0]) && !strings.ContainsAny(h[1], "\r\n\x00")
	}
	if !ok {
		r.problem("%s is not NAME=VALUE, parted by commas and percent-encoded; no header is sent", name)
		return t
	}
	for _, h := range list {
		t.header.Set(h[0], h[1])
	}
	return t
}

// millis reads a number of milliseconds.
func (r *reader) millis(name string, otherwise time.Duration) time.Duration {
	text := r.getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/int64(time.Millisecond) {
		r.problem("%s is no number of milliseconds; it is taken as %d", name, otherwise.Milliseconds())
		return otherwise
	}
	return time.Duration(n) * time.Millisecond
}

// resource is what all that is sent is of.
func (r *reader) resource() []attribute {
	list, ok := pairs(r.getenv(envResource))
	if !ok {
		r.problem("%s is not NAME=VALUE, parted by commas and percent-encoded; it is passed over", envResource)
		list = nil
	}
	service := defaultService
	var all []attribute
	for _, p := range list {
		if p[0] == "service.name" {
			service = p[1]
			continue
		}
		all = slices.DeleteFunc(all, func(a attribute) bool { return a.Key == p[0] }) // the last one counts
		all = append(all, words(p[0], p[1]))
	}
	if name := r.getenv(envService); name != "" {
		service = name
	}
	return append([]attribute{words("service.name", service)}, all...)
}

// parent reads a W3C trace context, and whether it is one of which traces are kept.
func (r *reader) parent() (p *parent, sampled bool) {
	value := r.getenv(envParent)
	if value == "" {
		return nil, true
	}
	fields := strings.Split(value, "-")
	p = &parent{}
	ok := len(fields) >= 4 && len(fields[0]) == 2 && fields[0] != "ff" && (fields[0] != "00" || len(fields) == 4) && len(fields[3]) == 2 && value == strings.ToLower(value)
	var version, flags [1]byte
	if ok {
		ok = exactly(version[:], fields[0]) && exactly(p.trace[:], fields[1]) && exactly(p.span[:], fields[2]) && exactly(flags[:], fields[3])
	}
	if !ok || p.trace == ([16]byte{}) || p.span == ([8]byte{}) {
		r.problem("%s is no W3C trace context; the run begins a trace of its own", envParent)
		return nil, true
	}
	return p, flags[0]&1 == 1
}

func exactly(dst []byte, s string) bool {
	if hex.DecodedLen(len(s)) != len(dst) {
		return false
	}
	n, err := hex.Decode(dst, []byte(s))
	return err == nil && n == len(dst)
}

// pairs reads NAME=VALUE,…, percent-encoded.
func pairs(s string) (list [][2]string, ok bool) {
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, value, found := strings.Cut(item, "=")
		name, nameErr := url.PathUnescape(strings.TrimSpace(name))
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !found || name == "" || err != nil || nameErr != nil {
			return nil, false
		}
		list = append(list, [2]string{name, value})
	}
	return list, true
}

// token reports whether s can be a header's name.
func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}
