// Package exporter shows a run's measures to Prometheus: it reads them out when it
// is scraped.
package exporter

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gymline/gymline/internal/measures"
)

// An Exporter is a progress.Sink and a prometheus.Collector. It is safe for
// concurrent use. The zero Exporter has no run yet.
type Exporter struct{ measures.Tally }

// described are the measures as Prometheus names them: gymline_calls_total.
var described = func() map[*measures.Measure]*prometheus.Desc {
	all := map[*measures.Measure]*prometheus.Desc{}
	for _, m := range measures.All {
		name := "gymline_" + m.Name
		if m.Total {
			name += "_total"
		}
		all[m] = prometheus.NewDesc(name, m.Help, m.Labels, nil)
	}
	return all
}()

// Describe implements prometheus.Collector.
func (x *Exporter) Describe(out chan<- *prometheus.Desc) {
	for _, d := range described {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (x *Exporter) Collect(out chan<- prometheus.Metric) {
	for _, p := range x.Points() {
		kind := prometheus.GaugeValue
		if p.Total {
			kind = prometheus.CounterValue
		}
		out <- prometheus.MustNewConstMetric(described[p.Measure], kind, p.Value, p.Of...)
	}
}
