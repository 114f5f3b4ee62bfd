package transport

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRouting(t *testing.T) {
	var got *Request
	handle := func(_ context.Context, r *Request) (*Response, error) { got = r; return &Response{}, nil }
	s := start(t, nil,
		Route{Method: "GET", Path: "/", Handle: handle},
		Route{Method: "GET", Path: "/v1/items/{id}/image", Handle: handle},
		Route{Method: "GET", Path: "/v1/items/all/image", Handle: handle},
		Route{Method: "DELETE", Path: "/v1/items/{id}", Handle: handle},
		Route{Method: "POST", Path: "/v1/items", Handle: handle})
	for _, test := range []struct {
		request string
		status  int
		route   string
		params  map[string]string
	}{
		{"GET /", 200, "/", nil},
		{"HEAD /", 200, "/", nil},
		{"GET /?a=1&a=2&b=%2F", 200, "/", nil},
		{"GET http://localhost/", 200, "/", nil},
		{"GET /v1/items/7/image", 200, "/v1/items/{id}/image", map[string]string{"id": "7"}},
		{"GET /v1/items/a%2Fb%20c/image", 200, "/v1/items/{id}/image", map[string]string{"id": "a/b c"}},
		{"GET /v1/items/%2e%2e/image", 200, "/v1/items/{id}/image", map[string]string{"id": ".."}},
		{"GET /v1/items/all/image", 200, "/v1/items/all/image", nil},
		{"DELETE /v1/items/7", 200, "/v1/items/{id}", map[string]string{"id": "7"}},
		{"GET /v1/items/7", 405, "", nil},
		{"POST /v1/items/", 404, "", nil},
		{"GET /v1/items//image", 404, "", nil},
		{"GET /v1/items/%zz/image", 404, "", nil},
		{"GET /v1/items/../items/7/image", 404, "", nil},
		{"GET /v1/items/7/image/", 404, "", nil},
		{"OPTIONS *", 404, "", nil},
		{"PROPFIND /", 405, "", nil},
	} {
		got = nil
		method, path, _ := strings.Cut(test.request, " ")
		reply := s.ask(method, path, "Content-Length: 0\r\n", "")
		e := s.next()
		if reply.StatusCode != test.status || e.Status != test.status || e.Route != test.route || e.Method != method {
			t.Errorf("%s: %s, %+v", test.request, reply.Status, e)
		}
		if (got != nil) != (test.status == 200) || got != nil && !maps.Equal(got.Params, test.params) {
			t.Errorf("%s: the handler got %+v", test.request, got)
		}
		if strings.Contains(path, "?") && (!slices.Equal(got.Query["a"], []string{"1", "2"}) || got.Query.Get("b") != "/") {
			t.Errorf("%s: query %v", test.request, got.Query)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	route := Route{Method: "GET", Path: "/", Handle: hello}
	for name, test := range map[string]struct {
		change func(*Options)
		routes []Route
		want   string
	}{
		"nothing":             {func(o *Options) { *o = Options{} }, nil, "--max-body-bytes must be more than 0\n--max-decompressed-bytes"},
		"a time":              {func(o *Options) { o.IdleTimeout = 0 }, nil, "--idle-timeout must be more than 0"},
		"a delay":             {func(o *Options) { o.ShutdownDelay = -1 }, nil, "--shutdown-delay must not be less than 0"},
		"memory":              {func(o *Options) { o.MaxBodyMemory = 100 << 20 }, nil, "--max-body-memory must be at least 134217728, twice --max-body-bytes and --max-decompressed-bytes"},
		"an origin":           {func(o *Options) { o.CORSOrigins = []string{"example.com"} }, nil, `--cors-origin "example.com" is neither`},
		"an origin's path":    {func(o *Options) { o.CORSOrigins = []string{"https://example.com/"} }, nil, `--cors-origin "https://example.com/" is neither`},
		"null":                {func(o *Options) { o.CORSOrigins = []string{"null"} }, nil, `--cors-origin "null" is neither`},
		"all and one":         {func(o *Options) { o.CORSOrigins = []string{"*", "https://example.com"} }, nil, "name no other beside it"},
		"a route twice":       {func(*Options) {}, []Route{route, route}, "route GET / is there twice"},
		"a route to nowhere":  {func(*Options) {}, []Route{{Method: "GET", Path: "/"}}, "needs a handler"},
		"a path without root": {func(*Options) {}, []Route{{Method: "GET", Path: "x", Handle: hello}}, "a path begins with /"},
	} {
		o := DefaultOptions()
		test.change(&o)
		if _, err := New(o, test.routes); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestRequestTimeout(t *testing.T) {
	var left time.Duration
	s := start(t, func(o *Options) { o.RequestTimeout = time.Minute }, post(func(ctx context.Context, _ *Request) (*Response, error) {
		deadline, _ := ctx.Deadline()
		left = time.Until(deadline)
		return &Response{}, nil
	}))
	for header, want := range map[string]time.Duration{"": time.Minute, "2.5": 2500 * time.Millisecond, "500ms": 500 * time.Millisecond, "1h": time.Minute, "1e300": time.Minute, "9999999999": time.Minute, "2540400h": time.Minute} {
		if header != "" {
			header = "X-Request-Timeout: " + header + "\r\n"
		}
		got := s.ask("POST", "/", header+"Content-Length: 0\r\n", "")
		if got.StatusCode != 200 || left > want || left < want-want/2 {
			t.Errorf("%q: %s, %v are left of %v", header, got.Status, left, want)
		}
	}
	for _, header := range []string{"", "-1", "-1s", "0", "0s", "NaN", "inf", "-Inf", "1 s", "soon", "1e-30", "1,5"} {
		if d, ok := parseTimeout(header, time.Minute); ok {
			t.Errorf("%q was taken for %v", header, d)
		}
	}
}

// TestExchange has one request with all that there is to tell of it.
func TestExchange(t *testing.T) {
	s := start(t, nil,
		Route{Method: "POST", Path: "/v1/{what}", Handle: func(context.Context, *Request) (*Response, error) {
			return &Response{Status: 201, ContentType: "text/plain", Body: []byte("done"), Header: map[string]string{"X-Shape": "1,2"},
				Timing: []Timing{{"parse", 1500 * time.Microsecond}, {"wait", 0}, {"compute", 2 * time.Second}}, Log: []slog.Attr{slog.Int("items", 3)}}, nil
		}},
		Route{Method: "GET", Path: "/health/live", Quiet: true, Handle: hello})
	got := s.ask("POST", "/v1/secret-path?secret-query=1", "X-Request-Id: abc-1.2:3\r\nX-Other: secret-header\r\nContent-Length: 11\r\n", "secret-body")
	for key, want := range map[string]string{
		"Server-Timing": "parse;dur=1.5, wait;dur=0, compute;dur=2000", "X-Request-Id": "abc-1.2:3", "X-Shape": "1,2", "Content-Type": "text/plain",
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Server": "",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got.Header.Get(key) != want {
			t.Errorf("%s: %q, want %q", key, got.Header.Get(key), want)
		}
	}
	e := s.next()
	if e.Route != "/v1/{what}" || e.Method != "POST" || e.Status != 201 || e.BytesIn != 11 || e.BytesOut != 4 || e.Duration <= 0 || len(e.Timing) != 3 {
		t.Errorf("Observe was told of %+v", e)
	}
	var entry map[string]any
	if err := json.Unmarshal([]byte(s.log.String()), &entry); err != nil {
		t.Fatalf("the log is %q: %v", s.log, err)
	}
	for key, want := range map[string]any{"level": "INFO", "msg": "request", "id": "abc-1.2:3", "method": "POST", "route": "/v1/{what}", "status": 201.0, "bytes_in": 11.0, "bytes_out": 4.0, "items": 3.0} {
		if entry[key] != want {
			t.Errorf("log: %s is %v, want %v", key, entry[key], want)
		}
	}
	if entry["duration"].(float64) <= 0 || !strings.HasPrefix(entry["remote"].(string), "127.0.0.1:") {
		t.Errorf("log: %v", entry)
	}
	s.ask("GET", "/health/live", "X-Request-Id: no good\r\n", "")
	s.ask("GET", "/health/live", "X-Request-Id: "+strings.Repeat("x", 129)+"\r\n", "")
	log := s.log.String()
	if strings.Contains(log, "secret") || strings.Contains(log, "no good") || strings.Contains(log, strings.Repeat("x", 129)) || strings.Count(log, `"level":"DEBUG","msg":"request"`) != 2 {
		t.Errorf("log:\n%s", log)
	}
}

func TestNotModified(t *testing.T) {
	s := start(t, nil, Route{Method: "GET", Path: "/", Handle: func(context.Context, *Request) (*Response, error) {
		return &Response{Status: http.StatusNotModified, Header: map[string]string{"ETag": `W/"1"`}}, nil
	}})
	l := s.dial().send(getRoot)
	if got := l.receive("GET"); got.StatusCode != 304 || len(got.body) > 0 || got.Header.Get("ETag") != `W/"1"` {
		t.Errorf("got %s %q %v", got.Status, got.body, got.Header)
	}
	if got := l.send(getRoot).receive("GET"); got.StatusCode != 304 {
		t.Errorf("the next on the connection: %s", got.Status)
	}
}
