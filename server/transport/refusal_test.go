package transport

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vbge/server/fault"
)

func TestRefusals(t *testing.T) {
	keys := testKeys(t, "alice:"+hashOf("sesame"))
	small := func(o *Options) { o.MaxBodyBytes, o.MaxDecompressedBytes = 100, 100 }
	withKeys := func(o *Options) { o.Keys = keys }
	const keyChange = "send one header, Authorization: Bearer KEY or X-Api-Key: KEY, with a key of the server's --keys"
	const sizeChange = "send fewer or smaller items, or start the server with a higher --max-body-bytes"
	const malformed = "the request's line or headers are not HTTP/1.1"
	const malformedChange = "send them as RFC 9112 has them: one Host, at most one Content-Length, Transfer-Encoding chunked or none"
	const timeoutChange = "send seconds (2.5) or a duration (500ms), once, more than 0 and at most 1m0s (--request-timeout)"
	for _, test := range []struct {
		name    string
		options func(*Options)
		request string // Host is put in
		status  int
		code    string
		message string
		change  string
		headers map[string]string
		closed  bool // by the server, at once
	}{
		{name: "unknown path", request: "GET /nothing HTTP/1.1\r\n\r\n",
			status: 404, code: "not_found", message: "there is nothing at this path", change: "see /docs for what there is"},
		{name: "unknown method", request: "DELETE / HTTP/1.1\r\n\r\n",
			status: 405, code: "method_not_allowed", message: "this path does not answer DELETE", change: "use OPTIONS, POST",
			headers: map[string]string{"Allow": "OPTIONS, POST"}},
		{name: "a path with a slash more", request: "POST // HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
			status: 404, code: "not_found", message: "there is nothing at this path", change: "see /docs for what there is"},

		{name: "body too large by its length", options: small, request: "POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n",
			status: 413, code: "body_too_large", message: "the body has 101 bytes; the most is 100", change: sizeChange, closed: true},
		{name: "body too large of HTTP/1.0", options: small, request: "POST / HTTP/1.0\r\nContent-Length: 101\r\n\r\n" + strings.Repeat("x", 101),
			status: 413, code: "body_too_large", message: "the body has 101 bytes; the most is 100", change: sizeChange, closed: true},
		{name: "body too large in chunks", options: small, request: "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" + strings.Repeat("x", 101),
			status: 413, code: "body_too_large", message: "the body has more than 100 bytes", change: sizeChange, closed: true},
		{name: "body too large with 100-continue", options: small, request: "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n",
			status: 413, code: "body_too_large", message: "the body has 101 bytes; the most is 100", change: sizeChange, closed: true},
		{name: "no memory", options: func(o *Options) { small(o); o.MaxBodyMemory = 250 }, request: "POST /full HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("x", 100),
			status: 429, code: "body_memory_full", message: "the server has no memory left for another body of this size",
			change:  "try again, send less at a time, or start the server with a higher --max-body-memory",
			headers: map[string]string{"Retry-After": "1"}},
		{name: "broken chunks", request: "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
			status: 400, code: "malformed_chunks", message: "the body's chunks cannot be read", change: "send chunks as RFC 9112 has them, or a Content-Length", closed: true},
		{name: "unknown coding", request: "POST / HTTP/1.1\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
			status: 415, code: "unsupported_encoding", message: "the body's Content-Encoding is not one that the server reads",
			change: "use gzip or zstd, once, or none (identity)"},
		{name: "coding within coding", request: "POST / HTTP/1.1\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 1\r\n\r\nx",
			status: 415, code: "unsupported_encoding", message: "the body's Content-Encoding is not one that the server reads",
			change: "use gzip or zstd, once, or none (identity)"},
		{name: "two codings", request: "POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Encoding: zstd\r\nContent-Length: 1\r\n\r\nx",
			status: 415, code: "unsupported_encoding", message: "the body's Content-Encoding is not one that the server reads",
			change: "use gzip or zstd, once, or none (identity)"},

		{name: "nonsense for a timeout", request: "POST / HTTP/1.1\r\nX-Request-Timeout: soon\r\nContent-Length: 0\r\n\r\n",
			status: 400, code: "malformed_timeout", message: "X-Request-Timeout is not a time", change: timeoutChange},
		{name: "no time at all", request: "POST / HTTP/1.1\r\nX-Request-Timeout: 0\r\nContent-Length: 0\r\n\r\n",
			status: 400, code: "malformed_timeout", message: "X-Request-Timeout is not a time", change: timeoutChange},
		{name: "two timeouts", request: "POST / HTTP/1.1\r\nX-Request-Timeout: 1\r\nX-Request-Timeout: 1\r\nContent-Length: 0\r\n\r\n",
			status: 400, code: "malformed_timeout", message: "X-Request-Timeout is not a time", change: timeoutChange},
		{name: "query", request: "POST /?a=%zz HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
			status: 400, code: "malformed_query", message: `the query cannot be read: invalid URL escape "%zz"`, change: "escape what is not a letter or digit with %"},
		{name: "deadline", request: "POST /wait HTTP/1.1\r\nX-Request-Timeout: 10ms\r\nContent-Length: 0\r\n\r\n",
			status: 504, code: "request_timeout", message: "the request was not answered within 10ms",
			change: "ask for more time with X-Request-Timeout, send less, or start the server with a higher --request-timeout"},

		{name: "no key", options: withKeys, request: "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
			status: 401, code: "key_missing", message: "this route needs a key", change: keyChange,
			headers: map[string]string{"WWW-Authenticate": `Bearer realm="vbge"`}},
		{name: "wrong key", options: withKeys, request: "POST / HTTP/1.1\r\nAuthorization: Bearer opensesame\r\nContent-Length: 0\r\n\r\n",
			status: 401, code: "key_unknown", message: "the server does not know this key", change: keyChange,
			headers: map[string]string{"WWW-Authenticate": `Bearer realm="vbge"`}},
		{name: "wrong X-Api-Key", options: withKeys, request: "POST / HTTP/1.1\r\nX-Api-Key: sesam\r\nContent-Length: 0\r\n\r\n",
			status: 401, code: "key_unknown", message: "the server does not know this key", change: keyChange},
		{name: "no key with 100-continue", options: withKeys, request: "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
			status: 401, code: "key_missing", message: "this route needs a key", change: keyChange, closed: true,
			headers: map[string]string{"WWW-Authenticate": `Bearer realm="vbge"`}},
		{name: "doubled key", options: withKeys, request: "POST / HTTP/1.1\r\nAuthorization: Bearer sesame\r\nAuthorization: Bearer sesame\r\nContent-Length: 0\r\n\r\n",
			status: 401, code: "key_missing", message: "there is more than one header with a key", change: keyChange},
		{name: "key in both headers", options: withKeys, request: "POST / HTTP/1.1\r\nAuthorization: Bearer sesame\r\nX-Api-Key: sesame\r\nContent-Length: 0\r\n\r\n",
			status: 401, code: "key_missing", message: "there is more than one header with a key", change: keyChange},
		{name: "Basic", options: withKeys, request: "POST / HTTP/1.1\r\nAuthorization: Basic c2VzYW1lOg==\r\nContent-Length: 0\r\n\r\n",
			status: 401, code: "key_missing", message: "the Authorization header is not Bearer and a key", change: keyChange},
		{name: "two words after Bearer", options: withKeys, request: "POST / HTTP/1.1\r\nAuthorization: Bearer sesame open\r\nContent-Length: 0\r\n\r\n",
			status: 401, code: "key_missing", message: "the Authorization header is not Bearer and a key", change: keyChange},
		{name: "Bearer alone", options: withKeys, request: "POST / HTTP/1.1\r\nAuthorization: Bearer\r\nContent-Length: 0\r\n\r\n",
			status: 401, code: "key_missing", message: "the Authorization header is not Bearer and a key", change: keyChange},
		{name: "empty X-Api-Key", options: withKeys, request: "POST / HTTP/1.1\r\nX-Api-Key:\r\nContent-Length: 0\r\n\r\n",
			status: 401, code: "key_missing", message: "the X-Api-Key header is not a key", change: keyChange},
		{name: "no key to write", options: withKeys, request: "POST /items HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
			status: 401, code: "key_missing", message: "this route needs a key", change: keyChange},

		{name: "another name for this machine", request: "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n",
			status: 403, code: "host_not_allowed", message: "without keys a server on loopback answers only to localhost, 127.0.0.1 and [::1]",
			change: "use one of these names, let the proxy in front send it as Host, or start the server with --keys"},
		{name: "page of another site", request: "POST / HTTP/1.1\r\nOrigin: https://example.com\r\nContent-Length: 0\r\n\r\n",
			status: 403, code: "cross_site", message: "the request comes from a page of another site",
			change: "start the server with --cors-origin and the page's origin, or send a key"},
		{name: "form of another site", request: "POST /items HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n\r\n",
			status: 403, code: "cross_site", message: "the request comes from a page of another site",
			change: "start the server with --cors-origin and the page's origin, or send a key"},
		{name: "preflight without CORS", request: "OPTIONS / HTTP/1.1\r\nOrigin: https://example.com\r\nAccess-Control-Request-Method: POST\r\n\r\n",
			status: 403, code: "origin_not_allowed", message: "pages of this origin may not use the server",
			change: "start the server with --cors-origin and the page's origin"},

		{name: "header too large", request: "GET / HTTP/1.1\r\nCookie: " + strings.Repeat("x", 17<<10) + "\r\n\r\n",
			status: 431, code: "header_too_large", message: "the request's line and headers have more than 16384 bytes",
			change: "send fewer or shorter headers, or start the server with a higher --max-header-bytes", closed: true},
		{name: "not HTTP", request: "hello\r\n\r\n", status: 400, code: "malformed_request", message: malformed, change: malformedChange, closed: true},
		{name: "two Hosts", request: "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
			status: 400, code: "malformed_request", message: malformed, change: malformedChange, closed: true},
		{name: "two lengths", request: "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
			status: 400, code: "malformed_request", message: malformed, change: malformedChange, closed: true},
		{name: "a length of letters", request: "POST / HTTP/1.1\r\nContent-Length: one\r\n\r\nx",
			status: 400, code: "malformed_request", message: malformed, change: malformedChange, closed: true},
		{name: "space before a colon", request: "POST / HTTP/1.1\r\nContent-Length : 1\r\n\r\nx",
			status: 400, code: "malformed_request", message: malformed, change: malformedChange, closed: true},
		{name: "Transfer-Encoding gzip", request: "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
			status: 400, code: "malformed_request", message: malformed, change: malformedChange, closed: true},

		{name: "handler's own refusal", request: "POST /refuse HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
			status: 422, code: "own", message: "a message <b>", change: "a change", headers: map[string]string{"Retry-After": "2"}},
		{name: "handler's failure", request: "POST /fail HTTP/1.1\r\nX-Request-Id: id-7\r\nContent-Length: 0\r\n\r\n",
			status: 500, code: "internal", message: "the server has failed at this request",
			change: "report it with the request id id-7, which its log has too", headers: map[string]string{"X-Request-Id": "id-7"}},
		{name: "handler's panic", request: "POST /panic HTTP/1.1\r\nX-Request-Id: id-8\r\nContent-Length: 0\r\n\r\n",
			status: 500, code: "internal", message: "the server has failed at this request",
			change: "report it with the request id id-8, which its log has too", closed: true},
		{name: "no reply", request: "POST /none HTTP/1.1\r\nX-Request-Id: id-9\r\nContent-Length: 0\r\n\r\n",
			status: 500, code: "internal", message: "the server has failed at this request",
			change: "report it with the request id id-9, which its log has too"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, test.options, post(echo),
				Route{Method: "POST", Path: "/items", Access: Writes, Handle: hello},
				Route{Method: "POST", Path: "/wait", Handle: func(ctx context.Context, _ *Request) (*Response, error) {
					<-ctx.Done()
					return nil, fmt.Errorf("waiting: %w", ctx.Err())
				}},
				Route{Method: "POST", Path: "/refuse", Handle: func(context.Context, *Request) (*Response, error) {
					return nil, fmt.Errorf("refused: %w", fault.New(http.StatusUnprocessableEntity, "own", "a message <b>", "a change").After(1500*time.Millisecond))
				}},
				Route{Method: "POST", Path: "/fail", Handle: func(context.Context, *Request) (*Response, error) {
					return nil, errors.New("open /secret: disk on fire")
				}},
				Route{Method: "POST", Path: "/panic", Handle: func(context.Context, *Request) (*Response, error) { panic("disk on fire") }},
				Route{Method: "POST", Path: "/none", Handle: func(context.Context, *Request) (*Response, error) { return nil, nil }},
				Route{Method: "POST", Path: "/full", Handle: echo},
			)
			if test.code == "body_memory_full" {
				s.memory.add(200)
				defer s.memory.add(-200)
			}
			begin, rest, _ := strings.Cut(test.request, "\r\n")
			if !strings.Contains(rest, "Host: ") {
				rest = "Host: " + s.addr + "\r\n" + rest
			}
			l := s.dial().send(begin + "\r\n" + rest)
			got := l.receive(strings.Split(begin, " ")[0])
			if got.StatusCode != test.status || got.fault.Code != test.code || got.fault.Message != test.message || got.fault.Change != test.change {
				t.Errorf("got %d %+v", got.StatusCode, got.fault)
			}
			want := map[string]string{"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
			maps.Copy(want, test.headers)
			for key, value := range want {
				if got.Header.Get(key) != value {
					t.Errorf("%s: %q, want %q", key, got.Header.Get(key), value)
				}
			}
			if got.Header.Get("X-Request-Id") == "" {
				t.Error("no X-Request-Id")
			}
			if got.Close != test.closed {
				t.Errorf("Connection: close is %v, want %v", got.Close, test.closed)
			}
			if e := s.next(); e.Status != test.status || e.Code != test.code {
				t.Errorf("Observe was told of %+v", e)
			}
			if test.closed {
				l.closed()
			} else if got := l.send("POST / HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: sesame\r\nContent-Length: 2\r\n\r\nok").receive("POST"); string(got.body) != "ok" {
				t.Errorf("the next request on the connection got %s %q", got.Status, got.body)
			}
			if logged := s.log.String(); strings.Contains(logged, "sesam") || !strings.Contains(logged, fmt.Sprintf(`"code":%q`, test.code)) {
				t.Errorf("the log has a key, or not the code:\n%s", logged)
			}
			if test.code == "internal" && (strings.Contains(string(got.body), "fire") || test.name != "no reply" && !strings.Contains(s.log.String(), "disk on fire")) {
				t.Errorf("the cause is for the log alone:\n%s\n%s", got.body, s.log)
			}
			if test.name == "handler's panic" && !strings.Contains(s.log.String(), "refusal_test.go") {
				t.Errorf("no stack in the log:\n%s", s.log)
			}
		})
	}
}

// TestEveryRefusalIsTested fails for codes that no test in this folder mentions.
func TestEveryRefusalIsTested(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code, tests strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			tests.Write(text)
		} else {
			code.Write(text)
		}
	}
	found := regexp.MustCompile(`fault\.New\([\w.]+, "(\w+)"`).FindAllStringSubmatch(code.String(), -1)
	if len(found) < 20 {
		t.Fatalf("only %d refusals were found", len(found))
	}
	for _, f := range found {
		if !strings.Contains(tests.String(), `"`+f[1]+`"`) {
			t.Errorf("no test expects %s", f[1])
		}
	}
}

// TestBusy: a route that has no time says so before most of the body is there; fasthttp reads its begin.
func TestBusy(t *testing.T) {
	route := post(echo)
	route.Busy = func() error { return fault.New(http.StatusTooManyRequests, "queue_full", "m", "c") }
	s := start(t, nil, route)
	if got := s.ask("POST", "/", "Content-Length: 1000000\r\n", strings.Repeat("x", 64<<10)); got.StatusCode != 429 || got.fault.Code != "queue_full" {
		t.Errorf("got %s %+v", got.Status, got.fault)
	}
}

// TestReplyMemory: replies that clients do not read add up; the next is refused, unless work would be lost.
func TestReplyMemory(t *testing.T) {
	big := func(context.Context, *Request) (*Response, error) {
		return &Response{ContentType: "image/png", Body: make([]byte, 1<<20)}, nil
	}
	s := start(t, func(o *Options) { o.MaxBodyBytes, o.MaxDecompressedBytes, o.MaxBodyMemory = 1<<10, 1<<10, 3<<20 },
		Route{Method: "GET", Path: "/", Handle: big}, post(big))
	s.memory.take(2 << 20) // as if two clients had not read theirs
	if got := s.ask("GET", "/", "", ""); got.StatusCode != 200 {
		t.Errorf("a third of the memory: %s", got.Status)
	}
	s.memory.take(1)
	if got := s.ask("GET", "/", "", ""); got.StatusCode != 429 || got.fault.Code != "body_memory_full" || got.Header.Get("Retry-After") != "1" {
		t.Errorf("more than the memory: %s %+v", got.Status, got.fault)
	}
	if got := s.ask("POST", "/", "Content-Length: 1\r\n", "x"); got.StatusCode != 200 {
		t.Errorf("work that has been done: %s", got.Status)
	}
	s.memory.add(-2<<20 - 1)
}
