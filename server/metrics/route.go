package metrics

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/common/expfmt"

	"vbge/server/transport"
)

// Route is GET /metrics: Prometheus's text, or OpenMetrics to those who ask for it.
func (m *Metrics) Route() transport.Route {
	return transport.Route{Method: http.MethodGet, Path: "/metrics", Quiet: true, Handle: m.handle}
}

func (m *Metrics) handle(_ context.Context, r *transport.Request) (*transport.Response, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather metrics: %w", err)
	}
	format := expfmt.NegotiateAccept(r.Header, expfmt.FmtOpenMetrics_1_0_0, expfmt.FmtOpenMetrics_0_0_1, expfmt.FmtText)
	var body bytes.Buffer
	encoder := expfmt.NewEncoder(&body, format)
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return nil, fmt.Errorf("write metric %s: %w", f.GetName(), err)
		}
	}
	if end, ok := encoder.(expfmt.Closer); ok { // OpenMetrics has a last line
		if err := end.Close(); err != nil {
			return nil, fmt.Errorf("end the metrics: %w", err)
		}
	}
	return &transport.Response{ContentType: string(format), Body: body.Bytes()}, nil
}
