package metrics

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"vbge/server/transport"
)

// exchanges counts HTTP requests.
type exchanges struct {
	requests  *prometheus.CounterVec   // by route, method and status
	errors    *prometheus.CounterVec   // by route and code
	durations *prometheus.HistogramVec // by route and method
	bytesIn   *prometheus.CounterVec   // by route
	bytesOut  *prometheus.CounterVec   // by route
}

func newExchanges() exchanges {
	return exchanges{
		requests:  counters("vbge_http_requests_total", "HTTP requests answered, by the route's pattern.", "route", "method", "status"),
		errors:    counters("vbge_http_errors_total", "HTTP requests refused or failed as a whole, by the error's code.", "route", "code"),
		durations: histograms("vbge_http_request_duration_seconds", "Time from a request's head until its reply is ready to be sent.", seconds, "route", "method"),
		bytesIn:   counters("vbge_http_request_bytes_total", "Bytes of requests' bodies as they were sent.", "route"),
		bytesOut:  counters("vbge_http_response_bytes_total", "Bytes of replies' bodies as they were sent.", "route"),
	}
}

func (e exchanges) register(r *prometheus.Registry) {
	r.MustRegister(e.requests, e.errors, e.durations, e.bytesIn, e.bytesOut)
}

// ObserveExchange counts a request that has been answered; it is transport's Observe.
func (m *Metrics) ObserveExchange(x transport.Exchange) {
	route, method := routeLabel(x.Route), methodLabel(x.Method)
	m.http.requests.WithLabelValues(route, method, strconv.Itoa(x.Status)).Inc()
	if x.Code != "" {
		m.http.errors.WithLabelValues(route, x.Code).Inc()
	}
	m.http.durations.WithLabelValues(route, method).Observe(x.Duration.Seconds())
	m.http.bytesIn.WithLabelValues(route).Add(float64(x.BytesIn))
	m.http.bytesOut.WithLabelValues(route).Add(float64(x.BytesOut))
	for _, t := range x.Timing {
		if !ofInput[t.Stage] {
			m.stages.WithLabelValues(t.Stage).Observe(t.Duration.Seconds())
		}
	}
}

// routeLabel makes one label of all paths that are no route's.
func routeLabel(pattern string) string {
	if pattern == "" {
		return "unknown"
	}
	return pattern
}

// methodLabel makes one label of all methods that HTTP does not know: clients invent them.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
