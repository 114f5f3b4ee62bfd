// Package metrics counts what the server does and shows it to Prometheus, on a registry of its own.
// Every label has a bounded set of values: what clients choose freely is never one.
package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics is what one server has counted. Its methods may be called from several goroutines.
type Metrics struct {
	registry *prometheus.Registry
	http     exchanges
	inputs   *prometheus.CounterVec   // by kind, lane and outcome
	stages   *prometheus.HistogramVec // by stage
	passes   passes
}

// Build says what runs.
type Build struct {
	Version   string // of vbge
	Model     string // its name
	Device    string
	Precision string
}

// New returns metrics that have counted nothing.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		http:     newExchanges(),
		inputs: counters("vbge_inputs_total", "Inputs by what became of them: ok, or the code of their error.",
			"kind", "lane", "outcome"),
		stages: histograms("vbge_stage_duration_seconds",
			"Time by stage: wait, prepare and compute of each input; parse, search, panorama and rerank of each request.", seconds, "stage"),
		passes: newPasses(),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.http.register(m.registry)
	m.registry.MustRegister(m.inputs, m.stages)
	m.passes.register(m.registry)
	return m
}

// ShowBuild shows what runs. It is called once: an engine is told of these metrics before it is open, and
// knows its device only then.
func (m *Metrics) ShowBuild(b Build) {
	built := gauges("vbge_build_info", "1, with what runs as labels.", "version", "goversion", "model", "device", "precision")
	built.WithLabelValues(b.Version, runtime.Version(), b.Model, b.Device, b.Precision).Set(1)
	m.registry.MustRegister(built)
}

// seconds are bounds from a demo model's text to a language model's answer.
var seconds = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func histograms(name, help string, bounds []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}, labels)
}
