package metrics

import "vbge/engine"

// Stages that ObserveInput counts for each input; a reply's timing has the longest of its inputs.
const (
	wait    = "wait"
	prepare = "prepare"
	compute = "compute"
)

var ofInput = map[string]bool{wait: true, prepare: true, compute: true}

// ObserveInput counts an input of a request: its kind is text, image or pair, code that of its error,
// or "" if it has a vector.
func (m *Metrics) ObserveInput(kind string, lane engine.Lane, code string, r engine.Result) {
	if code != "" {
		m.inputs.WithLabelValues(kind, lane.String(), code).Inc()
		return
	}
	m.inputs.WithLabelValues(kind, lane.String(), "ok").Inc()
	m.stages.WithLabelValues(wait).Observe(r.Times.Wait.Seconds())
	m.stages.WithLabelValues(prepare).Observe(r.Times.Prepare.Seconds())
	m.stages.WithLabelValues(compute).Observe(r.Times.Compute.Seconds())
}
