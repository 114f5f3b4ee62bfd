package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestTooManyConnections(t *testing.T) {
	s := start(t, func(o *Options) { o.MaxConnections = 2 }, Route{Method: "GET", Path: "/", Handle: hello})
	const get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
	first, second := s.dial().send(get), s.dial().send(get)
	first.receive("GET")
	second.receive("GET")
	third := s.dial().send(get)
	got := third.receive("GET")
	if got.StatusCode != 503 || got.fault.Code != "too_many_connections" || got.Header.Get("Retry-After") != "1" || !got.Close ||
		got.Header.Get("Content-Type") != "application/json" ||
		got.fault.Message != "the server has its 2 connections" ||
		got.fault.Change != "try again, use fewer connections, or start the server with a higher --max-connections" {
		t.Errorf("got %s %+v", got.Status, got.fault)
	}
	third.closed()
	if s.Stats().Refused != 1 {
		t.Errorf("stats: %+v", s.Stats())
	}
	if got := second.send(get).receive("GET"); got.StatusCode != 200 {
		t.Errorf("a connection within the limit: %s", got.Status)
	}
	first.Close()
	eventually(t, "room for another", func() bool { return s.Stats().Connections == 1 })
	if got := s.dial().send(get).receive("GET"); got.StatusCode != 200 {
		t.Errorf("after one has left: %s", got.Status)
	}
	codes := map[string]int{}
	for range 5 {
		codes[s.next().Code]++
	}
	if codes[""] != 4 || codes["too_many_connections"] != 1 {
		t.Errorf("Observe was told of %v", codes)
	}
}

func TestHeaderTimeout(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *Options) { o.HeaderTimeout = 50 * time.Millisecond }, Route{Method: "GET", Path: "/", Handle: hello})
	for name, begin := range map[string]string{"a line": "GET / HT", "a header": "GET / HTTP/1.1\r\nHost: local", "on a used connection": ""} {
		l := s.dial()
		if begin == "" {
			l.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").receive("GET")
			begin = "GET /"
		}
		l.send(begin)
		got := l.receive("GET")
		if got.StatusCode != 408 || got.fault.Code != "header_timeout" || !got.Close ||
			got.fault.Message != "the request's headers had not come after 50ms" ||
			got.fault.Change != "send them at once, or start the server with a higher --header-timeout" {
			t.Errorf("%s: got %s %+v", name, got.Status, got.fault)
		}
		l.closed()
	}
	for range 4 {
		s.next()
	}
	// Who sends nothing at all is no request.
	l := s.dial()
	if got := l.receive("GET"); got.StatusCode != 408 {
		t.Errorf("without a byte: %s", got.Status)
	}
	l.closed()
	if len(s.exchanges) > 0 {
		t.Errorf("Observe was told of %+v", <-s.exchanges)
	}
}

// TestSlowHeaders drips a byte at a time: the time is the headers' in all, not each byte's.
func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *Options) { o.HeaderTimeout = 100 * time.Millisecond }, Route{Method: "GET", Path: "/", Handle: hello})
	l := s.dial()
	go func() {
		for {
			if _, err := l.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond) // what a slow loris does
		}
	}()
	if got := l.receive("GET"); got.StatusCode != 408 || got.fault.Code != "header_timeout" {
		t.Errorf("got %s %+v", got.Status, got.fault)
	}
}

func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *Options) { o.IdleTimeout = 50 * time.Millisecond }, Route{Method: "GET", Path: "/", Handle: hello})
	l := s.dial().send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	l.receive("GET")
	l.closed()
}

func TestPipelining(t *testing.T) {
	s := start(t, nil, Route{Method: "POST", Path: "/{n}", Handle: func(_ context.Context, r *Request) (*Response, error) {
		return &Response{ContentType: "text/plain", Body: append([]byte(r.Params["n"]+" "), r.Body...)}, nil
	}})
	var all strings.Builder
	for i := range 100 {
		switch i % 3 {
		case 0:
			fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody", i)
		case 1:
			fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n%s", i, chunks([]byte("body"), 3))
		case 2: // refused with its body unread
			fmt.Fprintf(&all, "POST /%d/none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n%s", i, strings.Repeat("POST", 5000))
		}
	}
	l := s.dial()
	go io.WriteString(l, all.String())
	for i := range 100 {
		got, want := l.receive("POST"), fmt.Sprintf("%d body", i)
		if i%3 == 2 {
			if got.StatusCode != 404 {
				t.Fatalf("request %d: got %s", i, got.Status)
			}
		} else if string(got.body) != want {
			t.Fatalf("request %d: got %s %q", i, got.Status, got.body)
		}
	}
}

func TestHTTP10(t *testing.T) {
	s := start(t, nil, Route{Method: "GET", Path: "/", Handle: hello})
	l := s.dial().send("GET / HTTP/1.0\r\n\r\n")
	if got := l.receive("GET"); string(got.body) != "hello" {
		t.Errorf("got %s %q", got.Status, got.body)
	}
	l.closed()
	l = s.dial().send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	l.receive("GET")
	if got := l.send("GET / HTTP/1.0\r\n\r\n").receive("GET"); string(got.body) != "hello" {
		t.Errorf("kept alive: got %s %q", got.Status, got.body)
	}
}

// TestSlowReader asks for a large reply and does not read it.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	body := noise(32 << 20) // more than the kernel's buffers
	s := start(t, func(o *Options) { o.WriteTimeout = 50 * time.Millisecond }, Route{Method: "GET", Path: "/", Handle: func(context.Context, *Request) (*Response, error) {
		return &Response{Body: body}, nil
	}})
	l := s.dial().send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	s.next()
	eventually(t, "the connection's end", func() bool { return s.Stats().Connections == 0 })
	if got, err := io.ReadAll(l); err == nil && len(got) >= len(body) {
		t.Error("the reply has arrived as a whole")
	}
	if s.Stats().BodyMemory != 0 {
		t.Errorf("left behind: %+v", s.Stats())
	}
}

// TestRepliesCountAsMemory: while a reply waits for its reader there is less room for bodies.
func TestRepliesCountAsMemory(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *Options) { o.MaxBodyBytes, o.MaxDecompressedBytes, o.MaxBodyMemory = 1<<20, 1<<20, 32<<20 },
		Route{Method: "GET", Path: "/", Handle: func(context.Context, *Request) (*Response, error) {
			return &Response{Body: make([]byte, 32<<20)}, nil
		}}, post(echo))
	l := s.dial().send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	s.next()
	if got := s.ask("POST", "/", "Content-Length: 1\r\n", "x"); got.StatusCode != 429 {
		t.Errorf("beside a reply that is not read: %s", got.Status)
	}
	if got := l.receive("GET"); len(got.body) != 32<<20 {
		t.Errorf("%d bytes", len(got.body))
	}
	eventually(t, "the memory of the reply", func() bool { return s.Stats().BodyMemory == 0 })
	if got := s.ask("POST", "/", "Content-Length: 1\r\n", "x"); got.StatusCode != 200 {
		t.Errorf("after it: %s", got.Status)
	}
}

// TestClientsLeaving leaves at every step; nothing may stay behind.
func TestClientsLeaving(t *testing.T) {
	entered, left := make(chan struct{}, 1), make(chan error, 1)
	s := start(t, nil, post(func(ctx context.Context, r *Request) (*Response, error) {
		if len(r.Body) == 0 {
			return &Response{Body: make([]byte, 32<<20)}, nil
		}
		entered <- struct{}{}
		<-ctx.Done()
		left <- context.Cause(ctx)
		return nil, ctx.Err()
	}))
	s.ask("POST", "/", "Content-Length: 0\r\n", "") // fasthttp's clock runs from now on
	eventually(t, "its end", func() bool { return s.Stats().Connections == 0 })
	goroutines, fds := runtime.NumGoroutine(), descriptors(t)
	const head = "POST / HTTP/1.1\r\nHost: localhost\r\n"
	for range 5 {
		for name, begin := range map[string]string{
			"before a byte":           "",
			"within a line":           "POST",
			"within a header":         head + "Content",
			"before the body":         head + "Content-Length: 100000\r\n\r\n",
			"within the body":         head + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000),
			"within a chunk":          head + "Transfer-Encoding: chunked\r\n\r\nffff\r\nxx",
			"before 100":              head + "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n",
			"within the reply":        head + "Content-Length: 0\r\n\r\n",
			"with a request to go on": head + "Content-Length: 1\r\n\r\nxPOST / HT",
			"waiting":                 head + "Content-Length: 1\r\n\r\nx",
		} {
			for _, reset := range []bool{false, true} {
				l := s.dial().send(begin)
				waits := strings.HasPrefix(name, "w") && strings.Contains(begin, "\r\n\r\nx") && !strings.Contains(begin, "xx")
				if waits {
					wait(t, entered, "the handler")
				}
				if name == "within the reply" {
					io.ReadFull(l, make([]byte, 1000))
				}
				if reset {
					l.Conn.(*net.TCPConn).SetLinger(0)
				}
				l.Close()
				if waits {
					if cause := wait(t, left, "the end of its context"); !errors.Is(cause, errClientGone) {
						t.Errorf("%s: the context ended by %v", name, cause)
					}
				}
			}
		}
	}
	eventually(t, "all connections, memory, goroutines and descriptors to be given back", func() bool {
		stats := s.Stats()
		return stats.Connections == 0 && stats.BodyMemory == 0 && runtime.NumGoroutine() <= goroutines && descriptors(t) <= fds
	})
	gone := 0
	for len(s.exchanges) > 0 {
		if e := <-s.exchanges; e.Status == 499 {
			gone++
		}
	}
	if gone != 20 || !strings.Contains(s.log.String(), `"client_gone"`) {
		t.Errorf("%d clients are known to have left while they waited", gone)
	}
}

// TestWatchingManyClients has some of many waiting clients leave; the others are answered.
func TestWatchingManyClients(t *testing.T) {
	const clients = 200
	release, left := make(chan struct{}), make(chan struct{}, clients)
	entered := make(chan struct{}, clients)
	s := start(t, nil, Route{Method: "GET", Path: "/", Handle: func(ctx context.Context, _ *Request) (*Response, error) {
		entered <- struct{}{}
		select {
		case <-ctx.Done():
			left <- struct{}{}
			return nil, ctx.Err()
		case <-release:
			return hello(ctx, nil)
		}
	}})
	var waiting []*line
	for range clients {
		waiting = append(waiting, s.dial().send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		wait(t, entered, "the handler")
	}
	for i := 0; i < clients; i += 2 {
		waiting[i].Close()
	}
	for range clients / 2 {
		wait(t, left, "a client that has left")
	}
	close(release)
	for i := 1; i < clients; i += 2 {
		if got := waiting[i].receive("GET"); got.StatusCode != 200 {
			t.Fatalf("client %d: %s", i, got.Status)
		}
	}
}

// TestPanicCostsItsRequestAlone has others under way meanwhile.
func TestPanicCostsItsRequestAlone(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := start(t, nil,
		Route{Method: "GET", Path: "/wait", Handle: func(ctx context.Context, r *Request) (*Response, error) {
			entered <- struct{}{}
			<-release
			return hello(ctx, r)
		}},
		Route{Method: "GET", Path: "/panic", Handle: func(ctx context.Context, r *Request) (*Response, error) {
			var routes []Route
			return routes[len(routes)].Handle(ctx, r)
		}})
	other := s.dial().send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
	wait(t, entered, "the other request")
	if got := s.ask("GET", "/panic", "", ""); got.StatusCode != 500 {
		t.Errorf("got %s", got.Status)
	}
	close(release)
	if got := other.receive("GET"); string(got.body) != "hello" {
		t.Errorf("the other request got %s %q", got.Status, got.body)
	}
	if log := s.log.String(); !strings.Contains(log, "index out of range [0] with length 0") || !strings.Contains(log, "conn_test.go") {
		t.Errorf("no stack in the log:\n%s", log)
	}
}

// TestNetHTTP is Go's own client, with its connections kept and shared.
func TestNetHTTP(t *testing.T) {
	s := start(t, nil, post(echo), Route{Method: "GET", Path: "/", Handle: func(context.Context, *Request) (*Response, error) {
		return &Response{ContentType: "text/plain; charset=utf-8", Body: bytes.Repeat([]byte("hello "), 1000)}, nil
	}})
	transport := &http.Transport{MaxConnsPerHost: 4}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	failed := make(chan error, 8)
	for worker := range 8 {
		go func() {
			for i := range 50 {
				body := noise(1000 * (i + worker))
				var source io.Reader = bytes.NewReader(body)
				if i%2 == 0 {
					source = io.MultiReader(source) // in chunks
				}
				r, err := client.Post("http://"+s.addr, "text/plain", source)
				if err != nil {
					failed <- err
					return
				}
				got, err := io.ReadAll(r.Body)
				r.Body.Close()
				if err != nil || !bytes.Equal(got, body) {
					failed <- fmt.Errorf("%d bytes came back as %d: %v", len(body), len(got), err)
					return
				}
			}
			failed <- nil
		}()
	}
	for range 8 {
		if err := wait(t, failed, "a client"); err != nil {
			t.Error(err)
		}
	}
	r, err := client.Get("http://" + s.addr) // asks for gzip by itself
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got, err := io.ReadAll(r.Body); err != nil || len(got) != 6000 || !r.Uncompressed {
		t.Errorf("%d bytes, compressed: %v, %v", len(got), r.Uncompressed, err)
	}
	if r, err = client.Head("http://" + s.addr); err != nil || r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("HEAD: %v %v", r, err)
	}
}

// TestSlowSenderReadsRefusal: a client that is still sending for longer than lingerIdle gets to its reply.
func TestSlowSenderReadsRefusal(t *testing.T) {
	s := start(t, nil, post(echo))
	l := s.dial().send("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n" + strings.Repeat("x", 64<<10))
	for begin := time.Now(); time.Since(begin) < 2*lingerIdle; time.Sleep(lingerIdle / 10) {
		l.send(strings.Repeat("x", 1<<10))
	}
	if got := l.receive("POST"); got.StatusCode != 404 {
		t.Errorf("got %s", got.Status)
	}
}
