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
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"vbge/engine"
	"vbge/server/metrics"
	"vbge/server/transport"
)

// server is net/http's, so that the client is tested against another implementation than its own.
func server(t testing.TB, h http.HandlerFunc) (address string, connections *atomic.Int64) {
	t.Helper()
	connections = new(atomic.Int64)
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, connections
}

func target(t testing.TB, address string, q *Requests) *HTTP {
	t.Helper()
	h, err := NewHTTP(address, "secret", 10*time.Second, q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// TestSend looks at what arrives, and at what is made of replies.
func TestSend(t *testing.T) {
	q := &Requests{Pictures: pictures(t, "224"), Encoding: "base64", Inputs: 2, Priority: "bulk"}
	shot := Shot{Pair, 5}
	for _, test := range []struct {
		name   string
		header http.Header
		status int
		body   string
		kind   Kind
		want   Reply
	}{
		{"two vectors", nil, 200, `{"data":[{"embedding":"AAAA"},{"embedding":"AAAA"}]}`, Pair, Reply{Status: 200, Answers: 2}},
		{"one has failed", nil, 200, `{"data":[{"embedding":null,"error":{}},{"embedding":[1,2]}]}`, Pair,
			Reply{Status: 200, Answers: 1, Failed: 1, Message: `"embedding":null,"error":{}},{"embedding":[1,2]}]}`}},
		{"one is missing", nil, 200, `{"data":[{"embedding":[1,2]}]}`, Pair, Reply{Status: 200, Answers: 1, Failed: 1}},
		{"nothing", nil, 200, `{}`, Pair, Reply{Status: 200, Failed: 2}},
		{"bytes", http.Header{"Content-Type": {"application/octet-stream;dtype=int8"}, "X-Embedding-Shape": {"2,4"}}, 200, "12345678", Pair, Reply{Status: 200, Answers: 2}},
		{"bytes without shape", http.Header{"Content-Type": {"application/octet-stream"}}, 200, "1234", Pair, Reply{Status: 200, Failed: 2}},
		{"search", nil, 200, `{"results":[]}`, SearchPair, Reply{Status: 200, Answers: 1}},
		{"stages", http.Header{"Server-Timing": {"parse;dur=0.25, wait;desc=x;dur=3"}}, 200, `{}`, SearchPair,
			Reply{Status: 200, Answers: 1, Stages: []Stage{{"parse", 250 * time.Microsecond}, {"wait", 3 * ms}}}},
		{"full", http.Header{"Retry-After": {"1"}}, 429, `{"error":{}}`, Pair, Reply{Status: 429, Message: `{"error":{}}`}},
		{"long error", nil, 500, strings.Repeat("x", 1000), Pair, Reply{Status: 500, Message: strings.Repeat("x", 300) + "..."}},
	} {
		var got *http.Request
		var body []byte
		address, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
			got = r
			body, _ = io.ReadAll(r.Body)
			for name, values := range test.header {
				w.Header()[name] = values
			}
			w.WriteHeader(test.status)
			io.WriteString(w, test.body)
		})
		shot.Kind = test.kind
		reply, err := target(t, address+"/behind/", q).Send(t.Context(), shot)
		test.want.Bytes = len(test.body)
		if err != nil || !equal(reply, test.want) {
			t.Errorf("%s: %+v (%v), want %+v", test.name, reply, err, test.want)
		}
		if got.URL.Path != "/behind"+q.head(shot).path || got.Header.Get("Authorization") != "Bearer secret" || got.Header.Get("X-Priority") != "bulk" ||
			got.Header.Get("Content-Type") != "application/json" || string(body) != string(q.appendBody(nil, shot)) {
			t.Errorf("%s: %s %v arrived with %d bytes", test.name, got.URL, got.Header, len(body))
		}
	}
}

func equal(a, b Reply) bool {
	return a.Status == b.Status && a.Answers == b.Answers && a.Failed == b.Failed && a.Bytes == b.Bytes && a.Message == b.Message && slices.Equal(a.Stages, b.Stages)
}

// TestConnections: each client keeps one connection; one that the server ends is replaced.
func TestConnections(t *testing.T) {
	for _, test := range []struct {
		name    string
		closing bool
		want    int64
	}{{"kept", false, 4}, {"closed by the server", true, 40}} {
		var together sync.WaitGroup
		together.Add(4)
		var first atomic.Int64
		address, connections := server(t, func(w http.ResponseWriter, r *http.Request) {
			if first.Add(1) <= 4 { // until all four are there, so that there are four connections
				together.Done()
				together.Wait()
			}
			if test.closing {
				w.Header().Set("Connection", "close")
			}
			io.WriteString(w, `{"embedding":[1]}`)
		})
		h := target(t, address, &Requests{Encoding: "float", Inputs: 1})
		source := texts(t)
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for range 10 {
					if r, err := h.Send(t.Context(), source.Next()); err != nil || r.Answers != 1 {
						t.Errorf("%s: %+v, %v", test.name, r, err)
					}
				}
			})
		}
		clients.Wait()
		if got := connections.Load(); got != test.want {
			t.Errorf("%s: %d connections for 4 clients with 10 requests each, want %d", test.name, got, test.want)
		}
	}
}

// TestSendFails: what has no reply is an error, and the next request has a new connection.
func TestSendFails(t *testing.T) {
	var n atomic.Int64
	address, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) {
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "cut off")
		default:
			io.WriteString(w, `{"embedding":[1]}`)
		}
	})
	h := target(t, address, &Requests{Encoding: "float", Inputs: 1})
	for i, ok := range []bool{false, false, true, true} {
		if _, err := h.Send(t.Context(), Shot{Text, uint64(i)}); (err == nil) != ok {
			t.Errorf("request %d: %v", i, err)
		}
	}
	if _, err := target(t, "http://127.0.0.1:1", &Requests{Encoding: "float", Inputs: 1}).Send(t.Context(), Shot{Text, 1}); err == nil {
		t.Error("nobody answered, and there is a reply")
	}
}

// TestSendEnds: a request ends with its context, and with its time, though the server never answers.
func TestSendEnds(t *testing.T) {
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	address, _ := server(t, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	})
	t.Cleanup(func() { close(release) }) // before the server closes, which waits for its handlers
	ctx, cancel := context.WithCancel(t.Context())
	h := target(t, address, &Requests{Encoding: "float", Inputs: 1})
	failed := make(chan error)
	go func() {
		_, err := h.Send(ctx, Shot{Text, 1})
		failed <- err
	}()
	<-arrived
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	h.timeout = 20 * ms
	if _, err := h.Send(t.Context(), Shot{Text, 2}); !errors.Is(err, fasthttp.ErrTimeout) {
		t.Errorf("after its time: %v", err)
	}
}

func TestNewHTTP(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1:8080", "https://127.0.0.1", "http://", "http://a/?x=1", "http://user@a/", "http://%zz"} {
		if _, err := NewHTTP(address, "", time.Second, nil); err == nil {
			t.Errorf("%q is an address", address)
		}
	}
	for address, want := range map[string]string{"http://example.org": "example.org:80", "http://[::1]:99/x": "[::1]:99"} {
		if h, err := NewHTTP(address, "", time.Second, nil); err != nil || h.host != want {
			t.Errorf("%s is at %v (%v), want %s", address, h, err, want)
		}
	}
}

// TestMeasure reads what package metrics writes, before and after.
func TestMeasure(t *testing.T) {
	m := metrics.New()
	hits := new(atomic.Int64)
	m.WatchEngine(func() engine.Stats { return engine.Stats{CacheHits: hits.Load()} })
	m.ObservePass(engine.PassReport{Device: "cpu", Inputs: 100, Tokens: 9000, Duration: time.Hour}) // of earlier
	page := m.Route().Handle
	address, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			y, err := page(r.Context(), &transport.Request{Header: r.Header})
			if err != nil {
				t.Error(err)
				return
			}
			w.Header().Set("Content-Type", y.ContentType)
			w.Write(y.Body)
			return
		}
		hits.Add(1)
		m.ObservePass(engine.PassReport{Device: "cpu", Inputs: 2, Tokens: 32, Pictures: 1, Duration: 4 * ms})
		io.WriteString(w, `{"embedding":[1]}`)
	})
	h := target(t, address, &Requests{Encoding: "float", Inputs: 1})
	s, err := Measure(t.Context(), h, Load{Source: texts(t), Clients: 3})
	if err != nil {
		t.Fatal(err)
	}
	got := s.Result().Server
	if got == nil {
		t.Fatal(s.silent)
	}
	if got.Passes != 3 || got.InputsPerPass != 2 || got.TokensPerPass != 32 || got.PicturesPerPass != 1 || math.Abs(got.PassTime-4) > 1e-6 || got.CacheHits != 3 {
		t.Errorf("%+v, want 3 passes of 2 inputs, 32 tokens, 1 picture and 4 ms, and 3 hits", got)
	}
	if _, err := json.Marshal(s.Result()); err != nil {
		t.Error(err)
	}
}

// TestMeasureOthers: a server without /metrics is measured all the same, and the result says what is missing.
func TestMeasureOthers(t *testing.T) {
	for _, page := range []string{"", "broken {", "up 1\n"} {
		address, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/metrics" && page == "" {
				http.NotFound(w, r)
				return
			}
			if r.URL.Path == "/metrics" {
				io.WriteString(w, page)
				return
			}
			io.WriteString(w, `{"embedding":[1]}`)
		})
		s, err := Measure(t.Context(), target(t, address, &Requests{Encoding: "float", Inputs: 1}), Load{Source: texts(t), Clients: 2})
		if err != nil {
			t.Fatal(err)
		}
		if r := s.Result(); r.Answers != 2 || r.Server != nil || r.NoServer == "" {
			t.Errorf("page %q: %+v", page, r)
		}
	}
}

func TestStages(t *testing.T) {
	for header, want := range map[string][]Stage{
		"":                              nil,
		"compute;dur=1.5":               {{"compute", 1500 * time.Microsecond}},
		"a;dur=1,b;dur=2":               {{"a", ms}, {"b", 2 * ms}},
		" a ; desc=\"x\" ; dur=1 , b":   {{"a", ms}},
		"a;dur=x, b;dur=, c; dur=3e-3":  {{"c", 3 * time.Microsecond}},
		"cache;desc=hit, total;dur=0.0": {{"total", 0}},
	} {
		if got := stages(header); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

// FuzzStages: no header of a foreign server stops a measurement.
func FuzzStages(f *testing.F) {
	for _, header := range []string{"", "a;dur=1, b;dur=2.5", ";;;,,,", "a;dur=NaN", "a;dur=1e999", "a;dur=-1"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		for _, s := range stages(header) {
			if s.Time < 0 || strings.ContainsAny(s.Name, ",;") {
				t.Errorf("%q: stage %+v", header, s)
			}
		}
	})
}

func BenchmarkSend(b *testing.B) {
	body := fmt.Appendf(nil, `{"embedding":%q}`, strings.Repeat("A", 4096))
	address, _ := server(b, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Write(body)
	})
	for _, kind := range []Kind{Text, Image} {
		b.Run(string(kind), func(b *testing.B) {
			h := target(b, address, &Requests{Pictures: pictures(b, "224"), Encoding: "base64", Inputs: 1})
			b.ReportAllocs()
			for n := uint64(0); b.Loop(); n++ {
				if _, err := h.Send(b.Context(), Shot{kind, n}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
