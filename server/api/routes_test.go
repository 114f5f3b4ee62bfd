package api

import (
	"net/http"
	"strings"
	"testing"

	"vbge/server/metrics"
	"vbge/server/openapi"
	"vbge/server/transport"
)

// TestRoutesAreDocumented holds the routes for programs, /metrics included, equal to the document.
func TestRoutesAreDocumented(t *testing.T) {
	routes := append(Routes(Options{}, Services{}), metrics.New().Route())
	different, err := openapi.Differences(routes)
	if err != nil || len(different) > 0 {
		t.Errorf("%v\n%s", err, strings.Join(different, "\n"))
	}
	if _, err := transport.New(transport.DefaultOptions(), routes); err != nil {
		t.Error(err)
	}
}

// TestAccess: what writes needs a key, or a server on loopback; probes need none, and stay out of the log.
func TestAccess(t *testing.T) {
	for _, r := range Routes(Options{}, Services{}) {
		writes := strings.HasPrefix(r.Path, "/v1/items") && r.Method != http.MethodGet
		if (r.Access == transport.Writes) != writes {
			t.Errorf("%s %s: access %d", r.Method, r.Path, r.Access)
		}
		if probe := strings.HasPrefix(r.Path, "/health"); r.Quiet != probe {
			t.Errorf("%s %s: quiet %t", r.Method, r.Path, r.Quiet)
		}
	}
}

func TestDocs(t *testing.T) {
	c := newClient(t, Options{}, Services{})
	r := c.send(get("/docs"))
	if r.ContentType != "text/html; charset=utf-8" || !strings.HasPrefix(string(r.Body), "<!DOCTYPE html>") || !strings.HasPrefix(r.Header["Content-Security-Policy"], "default-src 'none'; style-src 'sha256-") {
		t.Errorf("%s, %v, %.40s", r.ContentType, r.Header, r.Body)
	}
	if r := c.send(get("/openapi.yaml")); r.ContentType != "application/yaml" || string(r.Body) != string(openapi.Document()) {
		t.Errorf("%s, %.40s", r.ContentType, r.Body)
	}
}
