package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	lingerIdle = 500 * time.Millisecond // without a byte of a client that is still sending: see linger
	lingerMost = 5 * time.Second        // that it may go on: the largest body at 100 Mbit/s
	freshGrace = time.Second            // for a connection's first request, once the server stops
	lastLook   = time.Millisecond       // for a request that came with the end of its connection
)

// conn is an accepted connection, as fasthttp reads and writes it. It knows whether a request is
// under way, so that a server that stops closes it between requests alone.
type conn struct {
	net.Conn
	server *Server
	fd     int // -1 where it has none; valid until Close

	// The goroutine that serves the connection alone uses these.
	held   int64 // bytes of server.memory that its request has taken
	unread bool  // the client may still be sending: see linger

	mu    sync.Mutex
	busy  bool // a byte of a request has come, and its reply has not gone
	used  bool // there has been a request
	stage stage
}

// stage is how far the end of a server has come for a connection.
type stage int

const (
	serving  stage = iota
	draining       // closes before its next request
	expired        // reads nothing any more
)

func newConn(s *Server, c net.Conn) *conn {
	fd := -1
	if sc, ok := c.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			_ = raw.Control(func(p uintptr) { fd = int(p) })
		}
	}
	return &conn{Conn: c, server: s, fd: fd}
}

// Read notices the first byte of a request. A draining connection on which nothing has come by its
// deadline is at its end.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy {
		return n, err
	}
	if n == 0 && c.stage == draining && errors.Is(err, os.ErrDeadlineExceeded) {
		// A deadline hides what has come in the meantime.
		if err = c.Conn.SetReadDeadline(time.Now().Add(lastLook)); err == nil {
			n, err = c.Conn.Read(p)
		}
		if n == 0 {
			return 0, io.EOF
		}
	}
	if n > 0 {
		c.begin()
	}
	return n, err
}

// begin notes that a request is under way; c.mu is held.
func (c *conn) begin() {
	if c.busy {
		return
	}
	c.busy, c.used = true, true
	if c.stage == draining {
		_ = c.Conn.SetReadDeadline(time.Now().Add(c.server.options.HeaderTimeout))
	}
}

// SetReadDeadline is fasthttp's, at each step of a request, unless the server's end has been sooner.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Conn.SetReadDeadline(c.soonest(t))
}

func (c *conn) soonest(t time.Time) time.Time {
	switch {
	case c.stage == expired, c.stage == draining && !c.busy && c.used:
		return time.Now()
	case c.stage == draining && !c.busy:
		return time.Now().Add(freshGrace)
	}
	return t
}

// advance takes the connection on to a stage of the server's end, and reports whether it is busy.
func (c *conn) advance(to stage) (busy bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stage = to
	if to == expired || !c.busy {
		_ = c.Conn.SetReadDeadline(c.soonest(time.Time{}))
	}
	return c.busy
}

func (c *conn) isBusy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busy
}

// state is fasthttp's ConnState: a request begins in bytes that were read with the last one, or has
// been answered.
func (c *conn) state(state fasthttp.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case fasthttp.StateActive:
		c.begin()
	case fasthttp.StateIdle:
		c.busy, c.unread = false, false
		c.hold(-c.held)
	}
}

// take counts n more bytes of a body, if there is room for them.
func (c *conn) take(n int64) bool {
	if !c.server.memory.take(n) {
		return false
	}
	c.held += n
	return true
}

// hold counts n more bytes, or gives back where n is negative.
func (c *conn) hold(n int64) {
	c.server.memory.add(n)
	c.held += n
}

// Close is fasthttp's, when a connection has been served.
func (c *conn) Close() error {
	c.server.leavers.remove(c)
	if c.unread {
		linger(c.Conn)
	}
	return c.Conn.Close()
}

// cut closes the connection under the goroutine that serves it.
func (c *conn) cut() {
	c.server.leavers.remove(c)
	_ = c.Conn.Close()
}

// linger lets a client that is still sending read its reply: to close now would reset the
// connection, and with it what the client has not read yet (RFC 9112, section 9.6).
func linger(c net.Conn) {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	unread := make([]byte, 16<<10)
	for end := time.Now().Add(lingerMost); time.Now().Before(end); {
		if c.SetReadDeadline(time.Now().Add(lingerIdle)) != nil {
			return
		}
		if _, err := c.Read(unread); err != nil {
			return
		}
	}
}
