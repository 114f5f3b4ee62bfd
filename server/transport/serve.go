package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"vbge/server/fault"
)

const (
	lastCalls    = 50 * time.Millisecond // for connections that the kernel has accepted already,
	lastCallsMax = time.Second           // and where these have no end
	lastWords    = time.Second           // for replies to requests that are given up
	maxRefusals  = 64                    // connections refused at a time with a reply; more are just closed
	acceptRetry  = 5 * time.Millisecond
	acceptWorst  = time.Second
	refusalWrite = time.Second
)

var errStopping = errors.New("the server is stopping")

// Serve answers requests that come to ln until ctx is done, then those that have come by then, and
// closes ln. It returns nil when each has been answered; the error says how many were given up at
// --shutdown-timeout. A server serves once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if s.serving.Swap(true) {
		return errors.New("serve: this server has served already")
	}
	defer ln.Close()
	s.loopback, s.unix = locality(ln.Addr())
	if !s.loopback && s.options.Keys == nil {
		s.options.Log.Warn("there are no --keys: anybody who reaches the server may use it, but for routes that write")
	}
	base, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	s.base = base
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { s.leavers.run(ended) })
	defer watching.Wait()
	defer close(ended)
	defer abort(errStopping)

	accepted := make(chan error, 1)
	go func() { accepted <- s.accept(ln) }()
	var failed error
	select {
	case <-ctx.Done():
		s.stopping.Store(true)
		s.options.Log.Info("stopping", "delay", s.options.ShutdownDelay, "timeout", s.options.ShutdownTimeout)
		select {
		case failed = <-accepted:
		case <-time.After(s.options.ShutdownDelay):
			s.lastCall.Store(true)
			if d, ok := ln.(deadliner); !ok || d.SetDeadline(time.Now().Add(lastCalls)) != nil {
				ln.Close()
			}
			failed = <-accepted
		}
	case failed = <-accepted:
		s.stopping.Store(true)
	}
	ln.Close()
	return errors.Join(failed, s.drain(abort))
}

// drain waits until every connection is closed, each after the request that is under way on it.
func (s *Server) drain(abort context.CancelCauseFunc) error {
	empty := make(chan struct{})
	go func() { s.working.Wait(); close(empty) }()
	for _, c := range s.connections() {
		c.advance(draining)
	}
	select {
	case <-empty:
		return nil
	case <-time.After(s.options.ShutdownTimeout):
	}
	abort(errStopping)
	cut := 0
	for _, c := range s.connections() {
		if c.advance(expired) {
			cut++
		}
	}
	select {
	case <-empty:
	case <-time.After(lastWords):
		for _, c := range s.connections() {
			c.cut()
		}
		select {
		case <-empty:
		case <-time.After(lastWords): // a handler that does not mind its context
		}
	}
	if cut == 0 {
		return nil
	}
	return fmt.Errorf("stopping: %d requests were given up after %v (--shutdown-timeout)", cut, s.options.ShutdownTimeout)
}

type deadliner interface{ SetDeadline(time.Time) error }

// accept serves the connections of ln until the last call, or ln fails for good.
func (s *Server) accept(ln net.Listener) error {
	refusals := make(chan struct{}, maxRefusals)
	retry := acceptRetry
	var end time.Time // of the last call
	for {
		began := time.Now()
		c, err := ln.Accept()
		switch {
		case err == nil:
			retry = acceptRetry
		case s.lastCall.Load() && errors.Is(err, net.ErrClosed):
			return nil
		case s.lastCall.Load() && errors.Is(err, os.ErrDeadlineExceeded):
			// A deadline that has passed hides who waits: the end is when a look has found nobody.
			if end.IsZero() {
				end = began.Add(lastCallsMax)
			}
			if time.Since(began) < lastLook && began.Before(end) && ln.(deadliner).SetDeadline(time.Now().Add(2*lastLook)) == nil {
				continue
			}
			return ln.Close()
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
			s.options.Log.Error("cannot accept a connection; raise ulimit -n, or lower --max-connections", "error", err)
			time.Sleep(retry)
			retry = min(2*retry, acceptWorst)
			continue
		default:
			return fmt.Errorf("accept a connection: %w", err)
		}
		if tracked := s.track(c); tracked != nil {
			s.working.Go(func() { s.converse(tracked) })
			continue
		}
		s.refused.Add(1)
		select {
		case refusals <- struct{}{}:
			s.working.Go(func() { s.refuse(c); <-refusals })
		default:
			c.Close()
		}
	}
}

// track returns the connection that c is served as, nil when there are too many.
func (s *Server) track(c net.Conn) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= s.options.MaxConnections {
		return nil
	}
	tracked := newConn(s, c)
	s.conns[tracked] = struct{}{}
	return tracked
}

func (s *Server) connections() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}

// converse serves a connection to its end. A panic outside of a route's handler, where those are
// caught, costs the connection.
func (s *Server) converse(c *conn) {
	defer func() {
		if v := recover(); v != nil {
			s.options.Log.Error("panic while serving a connection", "panic", v, "stack", string(debug.Stack()))
			c.cut()
		}
		c.hold(-c.held)
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	// Other errors have been answered, and may hold headers.
	if lost, ok := errors.AsType[*net.OpError](s.http.ServeConn(c)); ok {
		s.options.Log.Debug("connection lost", remote(c), "error", lost)
	}
}

// refuse answers a connection that is one too many.
func (s *Server) refuse(c net.Conn) {
	defer c.Close()
	s.options.Log.Warn("connection refused", remote(c), "connections", s.options.MaxConnections)
	s.options.Observe(Exchange{Status: http.StatusServiceUnavailable, Code: "too_many_connections", BytesOut: len(s.tooMany)})
	if err := c.SetWriteDeadline(time.Now().Add(refusalWrite)); err != nil {
		return
	}
	if _, err := c.Write(s.tooMany); err == nil {
		linger(c)
	}
}

// tooMany is the whole reply to such a connection.
func tooMany(limit int) []byte {
	r := faultResponse(fault.New(http.StatusServiceUnavailable, "too_many_connections",
		fmt.Sprintf("the server has its %d connections", limit),
		"try again, use fewer connections, or start the server with a higher --max-connections").After(time.Second))
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		r.Header["Retry-After"], r.ContentType, len(r.Body), r.Body)
}

// locality says whether only this machine's programs reach an address, and whether it is a file,
// which no web page's script can name.
func locality(a net.Addr) (loopback, unix bool) {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback(), false
	case *net.UnixAddr:
		return true, true
	}
	return false, false
}

func remote(c net.Conn) slog.Attr { return slog.String("remote", c.RemoteAddr().String()) }
