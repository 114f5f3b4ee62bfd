package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"vbge/engine"
	"vbge/server/transport"
)

// WatchEngine shows an engine's queues and cache as they are whenever they are asked for. It is
// called once.
func (m *Metrics) WatchEngine(stats func() engine.Stats) { m.registry.MustRegister(engineStats(stats)) }

// WatchServer shows what a server holds whenever it is asked for. It is called once.
func (m *Metrics) WatchServer(stats func() transport.Stats) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "vbge_http_connections", Help: "Open connections, which --max-connections bounds.",
	}, func() float64 { return float64(stats().Connections) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "vbge_http_body_bytes", Help: "Bytes of requests' bodies in memory, which --max-body-memory bounds.",
	}, func() float64 { return float64(stats().BodyMemory) }))
}

// engineStats collects from one snapshot, so that what belongs together is of one moment.
type engineStats func() engine.Stats

var (
	queueInputs  = prometheus.NewDesc("vbge_queue_inputs", "Inputs that are not yet being computed.", []string{"lane"}, nil)
	cacheBytes   = prometheus.NewDesc("vbge_picture_cache_bytes", "Size of the patch tokens kept of pictures.", nil, nil)
	cacheEntries = prometheus.NewDesc("vbge_picture_cache_entries", "Pictures whose patch tokens are kept.", nil, nil)
	cacheHits    = prometheus.NewDesc("vbge_picture_cache_hits_total", "Pictures whose patch tokens were there.", nil, nil)
	cacheMisses  = prometheus.NewDesc("vbge_picture_cache_misses_total", "Pictures whose patch tokens were not there.", nil, nil)
	lastPass     = prometheus.NewDesc("vbge_last_pass_timestamp_seconds", "When a pass last succeeded; 0 if none has.", nil, nil)
)

func (engineStats) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{queueInputs, cacheBytes, cacheEntries, cacheHits, cacheMisses, lastPass} {
		to <- d
	}
}

func (stats engineStats) Collect(to chan<- prometheus.Metric) {
	s := stats()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, lane := range []engine.Lane{engine.Bulk, engine.Interactive} {
		gauge(queueInputs, float64(s.Waiting[lane]), lane.String())
	}
	gauge(cacheBytes, float64(s.CacheBytes))
	gauge(cacheEntries, float64(s.CacheEntries))
	to <- prometheus.MustNewConstMetric(cacheHits, prometheus.CounterValue, float64(s.CacheHits))
	to <- prometheus.MustNewConstMetric(cacheMisses, prometheus.CounterValue, float64(s.CacheMisses))
	last := 0.0
	if !s.LastPass.IsZero() {
		last = float64(s.LastPass.UnixNano()) / 1e9
	}
	gauge(lastPass, last)
}
