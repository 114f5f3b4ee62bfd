package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const getRoot = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

// stopping tells the server to end, waits until it knows, and returns what Serve will.
func (s *started) stopping() <-chan error {
	s.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	eventually(s.t, "Stopping", s.Stopping)
	return ended
}

// TestStopWaitsForRequests stops with requests at each step: all that have come are answered.
func TestStopWaitsForRequests(t *testing.T) {
	entered, release := make(chan struct{}, 1), make(chan struct{})
	s := start(t, nil, Route{Method: "GET", Path: "/", Handle: hello}, post(func(ctx context.Context, r *Request) (*Response, error) {
		entered <- struct{}{}
		<-release
		return echo(ctx, r)
	}))
	computing := s.dial().send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok")
	wait(t, entered, "the handler")
	uploading := s.dial().send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000))
	begun := s.dial().send("GET / HT")
	again := s.dial().send(getRoot)
	again.receive("GET")
	again.send("GET /")
	idle := s.dial().send(getRoot)
	idle.receive("GET")
	eventually(t, "all to be read", func() bool {
		busy := 0
		for _, c := range s.connections() {
			if c.isBusy() {
				busy++
			}
		}
		return busy == 4
	})
	ended := s.stopping()
	idle.closed() // draining: the idle one goes first
	if _, err := net.Dial("tcp", s.addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end a connection got %v", err)
	}
	for name, rest := range map[*line]string{begun: "TP/1.1\r\nHost: localhost\r\n\r\n", again: " HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
		if got := name.send(rest).receive("GET"); got.StatusCode != 200 || !got.Close || string(got.body) != "hello" {
			t.Errorf("a request that had begun got %s %q, close %v", got.Status, got.body, got.Close)
		}
		name.Close()
	}
	uploading.send(strings.Repeat("x", 50_000))
	close(release)
	for l, size := range map[*line]int{computing: 2, uploading: 100_000} {
		if got := l.receive("POST"); got.StatusCode != 200 || len(got.body) != size || !got.Close {
			t.Errorf("got %s, %d bytes, close %v", got.Status, len(got.body), got.Close)
		}
		l.Close()
	}
	if err := wait(t, ended, "Serve"); err != nil {
		t.Error(err)
	}
}

// TestStopDelay: within ShutdownDelay the server is not ready, but answers as ever; connections close
// after their reply.
func TestStopDelay(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *Options) { o.ShutdownDelay = 200 * time.Millisecond }, Route{Method: "GET", Path: "/", Handle: hello})
	kept := s.dial().send(getRoot)
	kept.receive("GET")
	ended := s.stopping()
	for _, l := range []*line{kept, s.dial()} {
		if got := l.send(getRoot).receive("GET"); got.StatusCode != 200 || !got.Close {
			t.Errorf("got %s, close %v", got.Status, got.Close)
		}
		l.closed()
	}
	if err := wait(t, ended, "Serve"); err != nil {
		t.Error(err)
	}
}

// TestLastLook has bytes come to an idle connection before it learns that the server stops.
func TestLastLook(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(s, accepted)
	defer c.Close()
	c.used = true
	client.Write([]byte("GET"))
	c.advance(draining)
	p := make([]byte, 10)
	if n, err := c.Read(p); n != 3 || err != nil {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	client.Write([]byte(" /"))
	if n, err := c.Read(p); n != 2 || err != nil {
		t.Fatalf("the rest of the request: %d bytes, %v", n, err)
	}
	c.busy = false
	if c.SetReadDeadline(time.Now().Add(time.Hour)) != nil {
		t.Fatal("no deadline")
	}
	if n, err := c.Read(p); n != 0 || err != io.EOF {
		t.Fatalf("with nothing more: %d bytes, %v", n, err)
	}
}

// TestStopAtOnceForNobody: connections without a request do not hold the server up.
func TestStopAtOnceForNobody(t *testing.T) {
	s := start(t, func(o *Options) { o.HeaderTimeout, o.ShutdownTimeout = time.Hour, time.Hour }, Route{Method: "GET", Path: "/", Handle: hello})
	idle, fresh := s.dial().send(getRoot), s.dial()
	idle.receive("GET")
	eventually(t, "both", func() bool { return s.Stats().Connections == 2 })
	ended := s.stopping()
	idle.closed()
	// A new connection has a moment for the request that it was made for.
	if got := fresh.send(getRoot).receive("GET"); got.StatusCode != 200 || !got.Close {
		t.Errorf("got %s, close %v", got.Status, got.Close)
	}
	fresh.Close()
	if err := wait(t, ended, "Serve"); err != nil {
		t.Error(err)
	}
}

// TestShutdownTimeout gives up a request that computes and one that is still coming.
func TestShutdownTimeout(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{}, 1)
	s := start(t, func(o *Options) { o.ShutdownTimeout = 50 * time.Millisecond }, post(func(ctx context.Context, r *Request) (*Response, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	computing := s.dial().send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok")
	wait(t, entered, "the handler")
	uploading := s.dial().send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000))
	begun := s.dial().send("POST / HT")
	eventually(t, "all to be read", func() bool {
		for _, c := range s.connections() {
			if !c.isBusy() {
				return false
			}
		}
		return s.Stats().BodyMemory == 100_000+2 && s.Stats().Connections == 3
	})
	ended := s.stopping()
	for _, l := range []*line{computing, uploading, begun} {
		got := l.receive("POST")
		if got.StatusCode != 503 || got.fault.Code != "stopping" || got.Header.Get("Retry-After") != "1" || !got.Close ||
			got.fault.Message != "the server is stopping, and its time for this request is over" ||
			got.fault.Change != "send it again, to another server or in a moment; the operator may raise --shutdown-timeout" {
			t.Errorf("got %s %+v", got.Status, got.fault)
		}
		l.Close()
	}
	if err := wait(t, ended, "Serve"); err == nil || err.Error() != "stopping: 3 requests were given up after 50ms (--shutdown-timeout)" {
		t.Error(err)
	}
}

// TestStopWithAHandlerThatHangs ends all the same; the client's connection is cut.
func TestStopWithAHandlerThatHangs(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 1), make(chan struct{})
	s := start(t, func(o *Options) { o.ShutdownTimeout = 10 * time.Millisecond }, Route{Method: "GET", Path: "/", Handle: func(ctx context.Context, r *Request) (*Response, error) {
		entered <- struct{}{}
		<-release
		return hello(ctx, r)
	}})
	l := s.dial().send(getRoot)
	wait(t, entered, "the handler")
	if err := wait(t, s.stopping(), "Serve"); err == nil || !strings.Contains(err.Error(), "1 requests were given up") {
		t.Error(err)
	}
	if _, err := l.r.ReadByte(); err == nil {
		t.Error("there was a reply")
	}
	close(release)
	eventually(t, "the handler's end", func() bool { return s.Stats().Connections == 0 })
}

func TestServeOnce(t *testing.T) {
	s := start(t, nil, Route{Method: "GET", Path: "/", Handle: hello})
	s.ask("GET", "/", "", "")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := s.Serve(t.Context(), ln); err == nil {
		t.Error("it served twice")
	}
}

func TestListenerThatFails(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(DefaultOptions(), []Route{{Method: "GET", Path: "/", Handle: hello}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context(), ln) }()
	ln.Close()
	if err := wait(t, served, "Serve"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// counted is a listener that remembers how much was read of each connection that it has accepted.
type counted struct {
	*net.TCPListener
	mu       sync.Mutex
	accepted map[string]*countedConn
}

type countedConn struct {
	*net.TCPConn
	since time.Time
	read  atomic.Int64
}

func (l *counted) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	counted := &countedConn{TCPConn: c, since: time.Now()}
	l.accepted[c.RemoteAddr().String()] = counted
	return counted, nil
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// readOf is how much was read of a client's connection, and whether it was accepted; an older one may
// have had the same port.
func (l *counted) readOf(client net.Conn, dialled time.Time) (read int64, accepted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.accepted[client.LocalAddr().String()]
	if c == nil || c.since.Before(dialled) {
		return 0, false
	}
	return c.read.Load(), true
}

// TestStopUnderLoad stops a server that clients send to as fast as they can, on new connections and
// on kept ones. What was accepted is answered.
func TestStopUnderLoad(t *testing.T) {
	for _, delay := range []time.Duration{0, 50 * time.Millisecond} {
		for _, keep := range []bool{false, true} {
			t.Run(fmt.Sprintf("delay %v, keep %v", delay, keep), func(t *testing.T) {
				plain, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				ln := &counted{TCPListener: plain.(*net.TCPListener), accepted: map[string]*countedConn{}}
				s := startOn(t, ln, func(o *Options) { o.ShutdownDelay = delay; o.Log = nil; o.Observe = nil }, post(echo))
				var answered atomic.Int64
				loaded := make(chan struct{}, 1)
				count := func() {
					if answered.Add(1) == 500 {
						loaded <- struct{}{}
					}
				}
				var clients sync.WaitGroup
				for range 16 {
					clients.Go(func() {
						for more := true; more; {
							var err error
							if more, err = converseUntilClosed(ln, keep, count); err != nil {
								t.Error(err)
							}
						}
					})
				}
				wait(t, loaded, "the load")
				if err := wait(t, s.stopping(), "Serve"); err != nil {
					t.Error(err)
				}
				clients.Wait()
				t.Logf("%d answered", answered.Load())
			})
		}
	}
}

// converseUntilClosed sends requests on a connection until the server closes it, and reports whether
// that was no surprise: the last reply said so. A request is lost if the server has read any of it
// without an answer, or has accepted the connection for it.
func converseUntilClosed(ln *counted, keep bool, count func()) (more bool, err error) {
	dialled := time.Now()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return false, nil
	}
	defer c.Close()
	c.SetDeadline(dialled.Add(patience))
	header := "Connection: close\r\n"
	if keep {
		header = ""
	}
	request := "POST / HTTP/1.1\r\nHost: localhost\r\n" + header + "Content-Length: 5\r\n\r\nhello"
	r := bufio.NewReader(c)
	for answered := 0; ; answered++ {
		_, err := io.WriteString(c, request)
		var reply *http.Response
		if err == nil {
			reply, err = http.ReadResponse(r, nil)
		}
		var body []byte
		if err == nil {
			body, err = io.ReadAll(reply.Body)
		}
		if err != nil {
			read, accepted := ln.readOf(c, dialled)
			if read > int64(answered*len(request)) || accepted && answered == 0 {
				return false, fmt.Errorf("an accepted request was lost, after %d on its connection: %w", answered, err)
			}
			return false, nil
		}
		if reply.StatusCode != 200 || string(body) != "hello" {
			return false, fmt.Errorf("got %s %q", reply.Status, body)
		}
		count()
		if reply.Close {
			return true, nil
		}
	}
}

// flood is a listener at which the next client is always waiting. It has gone when it is answered.
type flood struct {
	mu       sync.Mutex
	deadline time.Time
}

func (f *flood) SetDeadline(t time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deadline = t
	return nil
}

func (f *flood) Accept() (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.deadline.IsZero() && time.Now().After(f.deadline) {
		return nil, os.ErrDeadlineExceeded
	}
	client, server := net.Pipe()
	return server, client.Close()
}

func (f *flood) Close() error   { return nil }
func (f *flood) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// TestStopInAFlood: clients that come without end do not keep a server from stopping.
func TestStopInAFlood(t *testing.T) {
	s := startOn(t, &flood{}, func(o *Options) { o.Log, o.Observe = nil, nil }, Route{Method: "GET", Path: "/", Handle: hello})
	select {
	case err := <-s.stopping():
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * lastCallsMax):
		t.Fatal("it does not stop")
	}
}
