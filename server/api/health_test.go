package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vbge/server/catalog"
)

func TestHealth(t *testing.T) {
	unreachable := fmt.Errorf("catalog: count: %w (dial tcp 10.0.0.5:19530)", catalog.ErrUnreachable)
	for name, x := range map[string]struct {
		health   fakeHealth
		stopping bool
		target   string
		status   int
		code     string
		message  string
	}{
		"live":            {target: "/health/live", status: 200, message: `{"status":"live"}`},
		"ready":           {target: "/health/ready", status: 200, message: `{"status":"ready","images":true}`},
		"TEI's":           {target: "/health", status: 200, message: `{"status":"ready","images":true}`},
		"not live":        {health: fakeHealth{live: errors.New("the device hangs")}, target: "/health/live", status: 503, code: "not_live", message: "the server cannot work any more: the device hangs"},
		"not ready":       {health: fakeHealth{ready: errors.New("the vector is off by 0.2")}, target: "/health/ready", status: 503, code: "not_ready", message: "the server is not ready: the vector is off by 0.2"},
		"no Milvus":       {health: fakeHealth{ready: unreachable}, target: "/health/ready", status: 503, code: "not_ready", message: "the server is not ready: Milvus cannot be reached"},
		"no Milvus, TEI":  {health: fakeHealth{ready: unreachable}, target: "/health", status: 503, code: "not_ready", message: "the server is not ready: Milvus cannot be reached"},
		"stopping":        {stopping: true, target: "/health/ready", status: 503, code: "stopping", message: "the server is being stopped"},
		"live to the end": {stopping: true, target: "/health/live", status: 200, message: `{"status":"live"}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, Options{}, Services{Embedder: &Embedder{Engine: &fakeEngine{}}, Health: x.health, Stopping: func() bool { return x.stopping }})
			r := c.send(get(x.target))
			if r.Status != x.status {
				t.Errorf("status %d, want %d", r.Status, x.status)
			}
			if r.fault == nil {
				if got := strings.TrimSpace(string(r.Body)); x.code != "" || got != x.message {
					t.Errorf("%s, want %s", got, x.message)
				}
				return
			}
			if r.fault.Code != x.code || r.fault.Message != x.message || (r.fault.RetryAfter > 0) != (x.code != "not_live") {
				t.Errorf("%s, %q, retry after %v; want %s, %q", r.fault.Code, r.fault.Message, r.fault.RetryAfter, x.code, x.message)
			}
		})
	}
}
