package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"vbge/engine"
	"vbge/server/transport"
)

// filled has every metric there is.
func filled() *Metrics {
	m := New()
	m.ShowBuild(Build{Version: "v1", Model: "base", Device: "cpu", Precision: "float32"})
	m.WatchEngine(func() engine.Stats {
		return engine.Stats{Waiting: [2]int{engine.Bulk: 7, engine.Interactive: 2}, CacheBytes: 600, CacheEntries: 3,
			CacheHits: 11, CacheMisses: 5, LastPass: time.Unix(1700000000, 5e8)}
	})
	m.WatchServer(func() transport.Stats { return transport.Stats{Connections: 5, BodyMemory: 4096} })
	for _, x := range []transport.Exchange{
		{Route: "/v1/embeddings", Method: http.MethodPost, Status: 200, Duration: 30 * time.Millisecond, BytesIn: 100, BytesOut: 4000,
			Timing: []transport.Timing{{Stage: "parse", Duration: time.Millisecond}, {Stage: "compute", Duration: time.Hour}}},
		{Route: "/v1/embeddings", Method: http.MethodPost, Status: 200, Duration: 50 * time.Millisecond, BytesIn: 11, BytesOut: 4000},
		{Route: "/v1/items/{id}/image", Method: http.MethodGet, Status: 404, BytesOut: 90, Code: "no_such_item"},
		{Method: "BREW", Status: 404},
		{Method: "", Status: 400},
		{Method: "", Status: 503, Code: "too_many_connections"},
	} {
		m.ObserveExchange(x)
	}
	m.ObserveInput("image", engine.Interactive, "", engine.Result{Times: engine.Times{Wait: time.Millisecond, Prepare: 3 * time.Millisecond, Compute: 100 * time.Millisecond}})
	m.ObserveInput("image", engine.Interactive, "", engine.Result{Times: engine.Times{Compute: 200 * time.Millisecond}})
	m.ObserveInput("text", engine.Bulk, "queue_full", engine.Result{Err: engine.ErrQueueFull})
	m.ObservePass(engine.PassReport{Device: "cpu", Inputs: 10, Tokens: 1980, Pictures: 9, Cached: 1, Duration: 1600 * time.Millisecond})
	m.ObservePass(engine.PassReport{Device: "cpu", Inputs: 1, Tokens: 16, Duration: 10 * time.Millisecond})
	m.ObservePass(engine.PassReport{Device: "cpu", Inputs: 4, Tokens: 64, Err: errors.New("lost")})
	return m
}

// page is what the route answers to an Accept header.
func page(t testing.TB, m *Metrics, accept string) *transport.Response {
	t.Helper()
	r, err := m.Route().Handle(context.Background(), &transport.Request{Method: http.MethodGet, Path: "/metrics", Header: http.Header{"Accept": {accept}}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// series reads a page with Prometheus's own parser: values by name and labels, histograms as their
// count and sum.
func series(t testing.TB, r *transport.Response) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(r.Body))
	if err != nil {
		t.Fatalf("%v in\n%s", err, r.Body)
	}
	all := map[string]float64{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := strings.Join(append([]string{name}, labels...), " ")
			if h := m.GetHistogram(); h != nil {
				all[key+" count"], all[key+" sum"] = float64(h.GetSampleCount()), h.GetSampleSum()
				continue
			}
			all[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
		}
	}
	return all
}

func TestPage(t *testing.T) {
	m := filled()
	got := series(t, page(t, m, ""))
	for name, want := range map[string]float64{
		"vbge_http_requests_total method=POST route=/v1/embeddings status=200":      2,
		"vbge_http_requests_total method=GET route=/v1/items/{id}/image status=404": 1,
		"vbge_http_requests_total method=other route=unknown status=404":            1,
		"vbge_http_requests_total method=other route=unknown status=400":            1,
		"vbge_http_requests_total method=other route=unknown status=503":            1,
		"vbge_http_request_duration_seconds method=POST route=/v1/embeddings count": 2,
		"vbge_http_request_duration_seconds method=POST route=/v1/embeddings sum":   .08,
		"vbge_http_request_bytes_total route=/v1/embeddings":                        111,
		"vbge_http_response_bytes_total route=/v1/embeddings":                       8000,
		"vbge_http_response_bytes_total route=/v1/items/{id}/image":                 90,
		"vbge_http_errors_total code=no_such_item route=/v1/items/{id}/image":       1,
		"vbge_http_errors_total code=too_many_connections route=unknown":            1,
		"vbge_http_body_bytes":  4096,
		"vbge_http_connections": 5,
		"vbge_inputs_total kind=image lane=interactive outcome=ok": 2,
		"vbge_inputs_total kind=text lane=bulk outcome=queue_full": 1,
		"vbge_stage_duration_seconds stage=wait sum":               .001,
		"vbge_stage_duration_seconds stage=prepare sum":            .003,
		"vbge_stage_duration_seconds stage=compute count":          2, // of inputs, not of the reply
		"vbge_stage_duration_seconds stage=compute sum":            .3,
		"vbge_stage_duration_seconds stage=parse count":            1,
		"vbge_pass_duration_seconds device=cpu sum":                1.61,
		"vbge_pass_inputs device=cpu count":                        2,
		"vbge_pass_inputs device=cpu sum":                          11,
		"vbge_pass_tokens device=cpu sum":                          1996,
		"vbge_pass_pictures device=cpu sum":                        9,
		"vbge_pass_errors_total device=cpu":                        1,
		"vbge_queue_inputs lane=bulk":                              7,
		"vbge_queue_inputs lane=interactive":                       2,
		"vbge_picture_cache_bytes":                                 600,
		"vbge_picture_cache_entries":                               3,
		"vbge_picture_cache_hits_total":                            11,
		"vbge_picture_cache_misses_total":                          5,
		"vbge_last_pass_timestamp_seconds":                         1700000000.5,
		"vbge_build_info device=cpu goversion=" + runtime.Version() + " model=base precision=float32 version=v1": 1,
	} {
		if v, ok := got[name]; !ok || math.Abs(v-want) > 1e-9*want {
			t.Errorf("%s is %v (there: %v), want %v", name, v, ok, want)
		}
	}
	if _, ok := got["process_cpu_seconds_total"]; !ok && runtime.GOOS == "linux" {
		t.Error("no process_cpu_seconds_total, which vbge bench http reads")
	}
	for _, name := range []string{"process_resident_memory_bytes", "process_open_fds", "go_goroutines"} {
		if got[name] <= 0 && runtime.GOOS == "linux" {
			t.Errorf("%s is %v", name, got[name])
		}
	}
}

// TestLint is promtool's judgement of names, units and help.
func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(filled().registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestFormats(t *testing.T) {
	m := filled()
	for _, test := range []struct{ accept, mediaType, end string }{
		{"", "text/plain; version=0.0.4", "\n"},
		{"*/*", "text/plain; version=0.0.4", "\n"},
		{"text/html", "text/plain; version=0.0.4", "\n"},
		{"application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0", "# EOF\n"},
		// What Prometheus 3 sends, but for the protocol buffers that are not offered.
		{"application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", "application/openmetrics-text; version=1.0.0", "# EOF\n"},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "text/plain; version=0.0.4", "\n"},
	} {
		r := page(t, m, test.accept)
		if !strings.HasPrefix(r.ContentType, test.mediaType) || !bytes.HasSuffix(r.Body, []byte(test.end)) {
			t.Errorf("Accept %q: %s, ends with %q", test.accept, r.ContentType, r.Body[len(r.Body)-20:])
		}
		if bytes.Contains(r.Body, []byte("# EOF")) != strings.HasPrefix(test.mediaType, "application/") {
			t.Errorf("Accept %q: OpenMetrics's last line in another format, or missing", test.accept)
		}
	}
}

// TestBounded: whatever clients invent, the number of series stays.
func TestBounded(t *testing.T) {
	m := filled()
	before := slices.Sorted(maps.Keys(series(t, page(t, m, ""))))
	for i := range 1000 {
		m.ObserveExchange(transport.Exchange{Method: fmt.Sprint("M", i), Status: 404})
	}
	if after := slices.Sorted(maps.Keys(series(t, page(t, m, "")))); !slices.Equal(before, after) {
		t.Errorf("%d series became %d", len(before), len(after))
	}
}

// TestNew: a server that has done nothing yet has no false values: no last pass, no series of passes.
func TestNew(t *testing.T) {
	m := New()
	m.WatchEngine(func() engine.Stats { return engine.Stats{} })
	got := series(t, page(t, m, ""))
	if v, ok := got["vbge_last_pass_timestamp_seconds"]; !ok || v != 0 {
		t.Errorf("the last pass was at %v (there: %v)", v, ok)
	}
	for name := range got {
		if strings.HasPrefix(name, "vbge_pass") || strings.HasPrefix(name, "vbge_inputs") {
			t.Errorf("%s is there", name)
		}
	}
}

// TestSeveral: two servers in one process do not share anything.
func TestSeveral(t *testing.T) {
	filled()
	other := series(t, page(t, New(), ""))
	if _, ok := other["vbge_queue_inputs lane=bulk"]; ok {
		t.Error("a server shows another's queue")
	}
}

func TestConcurrent(t *testing.T) {
	m := filled()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				m.ObserveExchange(transport.Exchange{Route: "/embed", Method: http.MethodPost, Status: 200, Timing: []transport.Timing{{Stage: "parse"}}})
				m.ObserveInput("pair", engine.Bulk, "", engine.Result{})
				m.ObservePass(engine.PassReport{Device: "cuda:1", Inputs: 1})
			}
		})
		all.Go(func() {
			for range 5 {
				page(t, m, "")
			}
		})
	}
	all.Wait()
	got := series(t, page(t, m, ""))
	for name, want := range map[string]float64{
		"vbge_http_requests_total method=POST route=/embed status=200": 400,
		"vbge_inputs_total kind=pair lane=bulk outcome=ok":             400,
		"vbge_pass_inputs device=cuda:1 sum":                           400,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

func BenchmarkExchange(b *testing.B) {
	m := New()
	x := transport.Exchange{Route: "/v1/embeddings", Method: http.MethodPost, Status: 200, Duration: time.Millisecond, Timing: []transport.Timing{{Stage: "parse"}}}
	b.ReportAllocs()
	for b.Loop() {
		m.ObserveExchange(x)
	}
}

func BenchmarkPage(b *testing.B) {
	m := filled()
	b.ReportAllocs()
	for b.Loop() {
		page(b, m, "")
	}
}
