package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vbge/engine"
	"vbge/server/metrics"
	"vbge/server/transport"
)

// fakeServer takes known times for everything, in a bubble of synctest: what the figures should be
// follows by hand.
type fakeServer struct {
	conns   chan net.Conn
	metrics *metrics.Metrics
	device  device

	mu      sync.Mutex
	waiting int
	seen    map[string]bool // pictures
}

// device runs one pass at a time, in the order in which they come. It is a channel, not a mutex:
// synctest's time goes on while goroutines wait for one.
type device chan struct{}

func newDevice() device { return make(device, 1) }

func (d device) run(t time.Duration) {
	d <- struct{}{}
	time.Sleep(t)
	<-d
}

// serve begins a fake server that ends with the test.
func serve(t *testing.T) *fakeServer {
	f := &fakeServer{conns: make(chan net.Conn), metrics: metrics.New(), device: newDevice(), seen: map[string]bool{}}
	s := &http.Server{Handler: f}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(f)
	}()
	t.Cleanup(func() {
		s.Close()
		<-ended
	})
	return f
}

func (f *fakeServer) Accept() (net.Conn, error) {
	c, ok := <-f.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (f *fakeServer) Close() error {
	close(f.conns)
	return nil
}

func (f *fakeServer) Addr() net.Addr { return &net.UnixAddr{} }

func (f *fakeServer) dial(context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	f.conns <- server
	return client, nil
}

// maxWaiting requests wait for the device; more are refused.
const maxWaiting = 40

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/metrics":
		y, err := f.metrics.Route().Handle(r.Context(), &transport.Request{Header: r.Header})
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		w.Header().Set("Content-Type", y.ContentType)
		w.Write(y.Body)
	case "/v1/search":
		f.search(w, body)
	default:
		f.embed(w, r, body)
	}
}

// search takes 40 ms, or 20 ms if it has seen the picture.
func (f *fakeServer) search(w http.ResponseWriter, body []byte) {
	var q struct{ Image string }
	json.Unmarshal(body, &q)
	f.mu.Lock()
	seen := f.seen[q.Image]
	f.seen[q.Image] = true
	f.mu.Unlock()
	cost := 40 * ms
	if seen {
		cost = 20 * ms
	}
	f.device.run(cost)
	w.Header().Set("Server-Timing", "compute;dur=20, search;dur=3")
	io.WriteString(w, `{"results":[]}`)
}

// embed takes a pass of 10 ms for each request, and 2.5 ms beside it; refusals take 1 ms.
func (f *fakeServer) embed(w http.ResponseWriter, r *http.Request, body []byte) {
	f.mu.Lock()
	full := f.waiting >= maxWaiting
	if !full {
		f.waiting++
	}
	f.mu.Unlock()
	if full {
		time.Sleep(ms)
		http.Error(w, `{"error":{"code":"queue_full"}}`, http.StatusTooManyRequests)
		return
	}
	f.device.run(10 * ms)
	f.mu.Lock()
	f.waiting--
	f.mu.Unlock()
	f.metrics.ObservePass(engine.PassReport{Device: "cpu", Inputs: 1, Duration: 10 * ms})
	time.Sleep(2500 * time.Microsecond)
	var q struct {
		Input  any
		Inputs []any
	}
	json.Unmarshal(body, &q)
	inputs := 1
	if list, ok := q.Input.([]any); ok {
		inputs = len(list)
	}
	if q.Inputs != nil {
		size := map[string]int{"float32": 4, "float16": 2, "int8": 1}[strings.TrimPrefix(r.Header.Get("Accept"), "application/octet-stream;dtype=")]
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("X-Embedding-Shape", fmt.Sprint(len(q.Inputs), ",8"))
		w.Write(make([]byte, 8*size*len(q.Inputs)))
		return
	}
	io.WriteString(w, strings.Repeat(`{"embedding":[0]},`, inputs))
}

// fakeEngine takes 10 ms a request, one at a time.
type fakeEngine struct{ device device }

func (e *fakeEngine) Do(_ context.Context, r engine.Request) ([]engine.Result, error) {
	e.device.run(10 * ms)
	return make([]engine.Result, len(r.Inputs)), nil
}

// figures measures a group against the fakes.
func figures(t *testing.T, name string, clients int) (all []Figure) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		f := Figures{Address: "http://fake", Engine: &fakeEngine{newDevice()}, Pictures: pictures(t, "224"), Clients: clients, Time: 200 * ms, Rounds: 3, dial: s.dial,
			Put: func(y Figure) error { all = append(all, y); return nil }}
		if err := f.Measure(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	})
	return all
}

func TestFigures(t *testing.T) {
	type want struct {
		name        string
		value, off  float64
		goal        float64 // NaN for none
		met         bool
		occurrences int
	}
	none := math.NaN()
	for _, test := range []struct {
		group   string
		clients int
		want    []want
	}{
		// One client: 12.5 ms beside 10 ms.
		{"share", 1, []want{{"images", 80, .5, 95, false, 1}, {"texts", 80, .5, 95, false, 1}}},
		// Four: the device never waits, but for the first and the last.
		{"share", 4, []want{{"images", 100, 2, 95, true, 1}, {"texts", 100, 2, 95, true, 1}}},
		{"overhead", 4, []want{{"text, p50", 2.5, 1e-6, .5, false, 1}, {"image, p50", 2.5, 1e-6, .5, false, 1}}},
		{"search", 4, []want{{"picture and text", 40, 1e-6, 60, true, 1}, {"changed instruction", 50, 1e-6, 60, true, 1}}},
		// A search takes its own 40 ms, and waits for at most two requests that are before it.
		{"lanes", 4, []want{{"bulk saturates", 50, 10, 60, true, 1}}},
		{"encodings", 4, []want{{"bytes a vector, float", 18, 1e-6, none, true, 3}, {"bytes a vector, base64", 18, 1e-6, none, true, 1},
			{"bytes a vector, float32", 32, 1e-6, none, true, 1}, {"bytes a vector, float16", 16, 1e-6, none, true, 1}, {"bytes a vector, int8", 8, 1e-6, none, true, 1}}},
		// Forty of the requests that come wait for the device, which works on without a pause.
		{"overload", 4, []want{{"ten times overload, texts", 100, 3, 90, true, 1}, {"refusal of texts", 1, 1e-6, 5, true, 1},
			{"ten times overload, images", 100, 3, 90, true, 1}, {"refusal of images", 1, 1e-6, 5, true, 1}}},
	} {
		all := figures(t, test.group, test.clients)
		for _, w := range test.want {
			found := 0
			for _, y := range all {
				if !strings.Contains(y.Name, w.name) {
					continue
				}
				found++
				if found == 1 && (math.Abs(y.Value-w.value) > w.off || y.Met() != w.met || len(y.Rounds) != 3) {
					t.Errorf("%s, %d clients: %+v, met %v; want %v +- %v, met %v", test.group, test.clients, y, y.Met(), w.value, w.off, w.met)
				}
				if found == 1 && (y.Goal == nil != math.IsNaN(w.goal) || y.Goal != nil && math.Abs(*y.Goal-w.goal) > 1e-6) {
					t.Errorf("%s: goal of %+v is not %v", test.group, y, w.goal)
				}
			}
			if found != w.occurrences {
				t.Errorf("%s: %d figures %q in %+v", test.group, found, w.name, all)
			}
		}
	}
}

// TestFiguresFail: a server that answers otherwise than it should gives an error, not a figure.
func TestFiguresFail(t *testing.T) {
	address, _ := server(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no model", http.StatusServiceUnavailable) })
	for _, name := range FigureNames {
		f := Figures{Address: address, Engine: &fakeEngine{newDevice()}, Pictures: pictures(t, "224"), Clients: 2, Time: 10 * ms, Rounds: 1,
			Put: func(y Figure) error { t.Errorf("%s: figure %+v", name, y); return nil }}
		if err := f.Measure(t.Context(), name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, f := range map[string]Figures{"shares": {}, "share": {}, "overhead": {}} {
		if err := f.Measure(t.Context(), name); err == nil {
			t.Errorf("%s was measured with %+v", name, f)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := Figures{Address: address, Engine: &fakeEngine{newDevice()}, Pictures: pictures(t, "224"), Clients: 2, Time: time.Hour, Rounds: 1}
	if err := f.Measure(ctx, "lanes"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestMet(t *testing.T) {
	for _, test := range []struct {
		f    Figure
		want bool
	}{
		{Figure{Value: 9}, true},
		{Figure{Value: 9, Goal: goal(10)}, true},
		{Figure{Value: 11, Goal: goal(10)}, false},
		{Figure{Value: 9, Goal: goal(10), AtLeast: true}, false},
		{Figure{Value: 10, Goal: goal(10), AtLeast: true}, true},
		{Figure{Value: math.NaN(), Goal: goal(10)}, false},
		{Figure{Value: math.NaN(), Goal: goal(10), AtLeast: true}, false},
	} {
		if test.f.Met() != test.want {
			t.Errorf("%+v: met %v", test.f, test.f.Met())
		}
	}
}
