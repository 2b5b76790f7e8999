package otlp

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"github.com/gymline/gymline/internal/measures"
)

// measured are the points as metrics: gymline.calls is what Prometheus, which names totals
// so, has as gymline_calls_total.
func measured(points []measures.Point, began, now time.Time) (list []metric) {
	at := map[*measures.Measure][]point{}
	for _, p := range points {
		if !finite(p.Value) {
			continue
		}
		out := point{Time: nanos(now)}
		for i, label := range p.Labels {
			out.Attributes = append(out.Attributes, words(label, p.Of[i]))
		}
		if p.Total {
			out.Start = nanos(began)
		}
		if p.Real {
			out.Double = &p.Value
		} else {
			n := strconv.FormatInt(int64(p.Value), 10)
			out.Int = &n
		}
		at[p.Measure] = append(at[p.Measure], out)
	}
	for _, m := range measures.All {
		if len(at[m]) == 0 {
			continue
		}
		out := metric{Name: "gymline." + m.Name, Description: m.Help}
		if m.Total {
			out.Sum = &sum{at[m], cumulative, true}
		} else {
			out.Gauge = &gauge{at[m]}
		}
		list = append(list, out)
	}
	return list
}

// resource is what a message is of. The instance keeps the series of two runs apart.
func (x *Exporter) resource() resource {
	list := x.config.resource[:len(x.config.resource):len(x.config.resource)]
	add := func(a attribute) {
		for _, have := range list {
			if have.Key == a.Key {
				return // the environment knows better
			}
		}
		list = append(list, a)
	}
	add(words("service.version", x.version))
	sum := sha256.Sum256(fmt.Appendf(nil, "gymline\x00%s\x00%d", x.run, x.began.UnixNano()))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // a UUID of version 8
	add(words("service.instance.id", fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])))
	if x.run != "" {
		add(words("gymline.run", x.run))
		add(words("gymline.experiment", x.experiment))
	}
	return resource{list}
}
