package api

import (
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
