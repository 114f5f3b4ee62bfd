package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// usage is what a server has used since it was started, or in a run, from its /metrics.
type usage [counted]float64

const (
	cpuSeconds  = iota // of the process
	passes             // that devices have computed
	passSeconds        // of them all
	passInputs
	passTokens
	passPictures
	cacheHits
	counted
)

// usage reads the server's /metrics.
func (h *HTTP) usage(ctx context.Context) (u usage, err error) {
	page, err := h.Get(ctx, "/metrics")
	if err != nil {
		return u, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	if err != nil {
		return u, fmt.Errorf("read /metrics: %w", err)
	}
	cpu, ok := families["process_cpu_seconds_total"]
	if !ok {
		return u, errors.New("/metrics has no process_cpu_seconds_total")
	}
	u[cpuSeconds] = sum(cpu)
	u[passes] = observations(families["vbge_pass_inputs"])
	u[passSeconds] = sum(families["vbge_pass_duration_seconds"])
	u[passInputs] = sum(families["vbge_pass_inputs"])
	u[passTokens] = sum(families["vbge_pass_tokens"])
	u[passPictures] = sum(families["vbge_pass_pictures"])
	u[cacheHits] = sum(families["vbge_picture_cache_hits_total"])
	return u, nil
}

// sum adds up a family's series: values of counters, sums of histograms. One that is not there yet is 0.
func sum(f *dto.MetricFamily) float64 {
	total := 0.0
	for _, m := range f.GetMetric() {
		total += m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum()
	}
	return total
}

// observations counts those of a family of histograms.
func observations(f *dto.MetricFamily) float64 {
	total := 0.0
	for _, m := range f.GetMetric() {
		total += float64(m.GetHistogram().GetSampleCount())
	}
	return total
}

// plus is u and times other's.
func (u usage) plus(times float64, other usage) usage {
	for i := range u {
		u[i] += times * other[i]
	}
	return u
}

// passMilliseconds is the mean time of a pass; 0 if there was none.
func (u usage) passMilliseconds() float64 { return 1e3 * u.perPass(passSeconds) }

func (u usage) perPass(what int) float64 {
	if u[passes] == 0 {
		return 0
	}
	return u[what] / u[passes]
}
