package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"vbge/engine"
)

// passes counts what devices have computed, by device.
type passes struct {
	failed    *prometheus.CounterVec
	durations *prometheus.HistogramVec
	inputs    *prometheus.HistogramVec
	tokens    *prometheus.HistogramVec
	pictures  *prometheus.HistogramVec
}

func newPasses() passes {
	sizes := prometheus.ExponentialBuckets(1, 2, 12)    // to 2048 inputs, a queue's length
	lengths := prometheus.ExponentialBuckets(16, 2, 12) // to 32768 tokens, two GPU budgets
	return passes{
		failed:    counters("vbge_pass_errors_total", "Passes that a device did not finish.", "device"),
		durations: histograms("vbge_pass_duration_seconds", "Time of a pass on a device.", seconds, "device"),
		inputs:    histograms("vbge_pass_inputs", "Inputs of a pass.", sizes, "device"),
		tokens:    histograms("vbge_pass_tokens", "Tokens of a pass through the text tower.", lengths, "device"),
		pictures:  histograms("vbge_pass_pictures", "Pictures of a pass through the vision tower.", append([]float64{0}, sizes...), "device"),
	}
}

func (p passes) register(r *prometheus.Registry) {
	r.MustRegister(p.failed, p.durations, p.inputs, p.tokens, p.pictures)
}

// ObservePass counts a pass; it is engine.Options.OnPass.
func (m *Metrics) ObservePass(r engine.PassReport) {
	if r.Err != nil {
		m.passes.failed.WithLabelValues(r.Device).Inc()
		return
	}
	m.passes.failed.WithLabelValues(r.Device).Add(0) // there from the first pass on, so that its first increase is seen
	m.passes.durations.WithLabelValues(r.Device).Observe(r.Duration.Seconds())
	m.passes.inputs.WithLabelValues(r.Device).Observe(float64(r.Inputs))
	m.passes.tokens.WithLabelValues(r.Device).Observe(float64(r.Tokens))
	m.passes.pictures.WithLabelValues(r.Device).Observe(float64(r.Pictures))
}
