package transport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is what no test waits for, unless it fails.
const patience = 20 * time.Second

// started is a server under test, on a port of 127.0.0.1.
type started struct {
	*Server
	t         *testing.T
	addr      string
	exchanges chan Exchange
	log       *lines
	stop      func() error // tells Serve to end and returns its error; once
}

// start serves routes with DefaultOptions, as change changes them. When the test ends everything
// that the server took has to be given back.
func start(t *testing.T, change func(*Options), routes ...Route) *started {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, ln, change, routes...)
}

func startOn(t *testing.T, ln net.Listener, change func(*Options), routes ...Route) *started {
	t.Helper()
	s := &started{t: t, addr: ln.Addr().String(), exchanges: make(chan Exchange, 10_000), log: &lines{}}
	o := DefaultOptions()
	o.Log = slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Observe = func(e Exchange) { s.exchanges <- e }
	if change != nil {
		change(&o)
	}
	var err error
	if s.Server, err = New(o, routes); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	s.stop = sync.OnceValue(func() error { cancel(); return <-served })
	t.Cleanup(func() {
		if err := s.stop(); err != nil && !t.Failed() && !strings.Contains(err.Error(), "given up") {
			t.Errorf("Serve: %v", err)
		}
		if stats := s.Stats(); stats.Connections != 0 || stats.BodyMemory != 0 {
			t.Errorf("left behind: %+v", stats)
		}
	})
	return s
}

// lines is a log that is written to by many and read by the test.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// echo answers with the request's body; its type is nobody's to compress.
func echo(_ context.Context, r *Request) (*Response, error) {
	return &Response{ContentType: "application/octet-stream", Body: r.Body}, nil
}

func post(handle func(context.Context, *Request) (*Response, error)) Route {
	return Route{Method: http.MethodPost, Path: "/", Handle: handle}
}

func hello(context.Context, *Request) (*Response, error) {
	return &Response{ContentType: "text/plain", Body: []byte("hello")}, nil
}

// line is a client that speaks in bytes.
type line struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (s *started) dial() *line {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return &line{Conn: c, t: s.t, r: bufio.NewReader(c)}
}

func (l *line) send(text string) *line {
	l.t.Helper()
	if _, err := io.WriteString(l, text); err != nil {
		l.t.Fatalf("send: %v", err)
	}
	return l
}

// reply is a reply whose body has been read.
type reply struct {
	*http.Response
	body  []byte
	fault struct{ Code, Message, Change, Type, Param string }
}

func (l *line) receive(method string) *reply {
	l.t.Helper()
	r, err := http.ReadResponse(l.r, &http.Request{Method: method})
	if err != nil {
		l.t.Fatalf("receive: %v", err)
	}
	return readReply(l.t, r)
}

func readReply(t *testing.T, r *http.Response) *reply {
	t.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("receive: body: %v", err)
	}
	got := &reply{Response: r, body: body}
	if r.StatusCode >= 400 && r.Header.Get("Content-Encoding") == "" && len(body) > 0 {
		envelope := struct{ Error any }{&got.fault}
		if err := json.Unmarshal(body, &envelope); err != nil || got.fault.Code == "" {
			t.Fatalf("%s: %q is no error: %v", r.Status, body, err)
		}
	}
	return got
}

// closed waits for the server's end of the connection.
func (l *line) closed() {
	l.t.Helper()
	if rest, err := io.ReadAll(l.r); err != nil || len(rest) > 0 {
		l.t.Fatalf("the connection is not closed but has %q, %v", rest, err)
	}
}

// ask sends one request on a connection of its own.
func (s *started) ask(method, path, headers, body string) *reply {
	s.t.Helper()
	l := s.dial()
	defer l.Close()
	text := method + " " + path + " HTTP/1.1\r\n"
	if !strings.Contains(strings.ToLower(headers), "host:") {
		text += "Host: " + s.addr + "\r\n"
	}
	return l.send(text + headers + "\r\n" + body).receive(method)
}

// next is the next exchange that Observe has been told of.
func (s *started) next() Exchange {
	s.t.Helper()
	return wait(s.t, s.exchanges, "an exchange")
}

func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		t.Fatalf("waited for %s\n%s", what, buf[:runtime.Stack(buf, true)])
		panic("unreachable")
	}
}

// eventually is for what nothing tells of: goroutines, descriptors, and the inside of the kernel.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > patience {
			buf := make([]byte, 1<<20)
			t.Fatalf("waited for %s\n%s", what, buf[:runtime.Stack(buf, true)])
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
