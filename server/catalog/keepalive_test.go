package catalog

import (
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// A call that is longer than the SDK's keepalive, which grpc-go raises to 10 s,
// must not be disturbed by pings that C-core servers punish.
func TestLongCallIsNotPinged(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 12 s: run without -short")
	}
	t.Parallel()
	for name, test := range map[string]struct {
		options []grpc.DialOption
		pinged  bool
	}{"plain SDK": {nil, true}, "repaired": {dialOptions(), false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var pings atomic.Int32
			f := &fake{think: 12 * time.Second}
			address := f.serve(t, func(l net.Listener) net.Listener { return pingListener{l, &pings} })
			c := sdk(t, address, test.options)
			if _, err := c.HasCollection(t.Context(), "any"); err != nil {
				t.Fatal(err)
			}
			if got := pings.Load(); (got > 0) != test.pinged {
				t.Errorf("%d keepalive pings in %v", got, f.think)
			}
		})
	}
}

// pingListener counts the keepalive pings of its connections.
type pingListener struct {
	net.Listener
	pings *atomic.Int32
}

func (l pingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	read, write := io.Pipe()
	go countPings(read, l.pings)
	return pingConn{conn, write}, nil
}

type pingConn struct {
	net.Conn
	copy *io.PipeWriter
}

func (c pingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.copy.Write(p[:n])
	return n, err
}

func (c pingConn) Close() error {
	c.copy.Close()
	return c.Conn.Close()
}

// countPings reads HTTP/2 frames (RFC 9113, 4.1). A keepalive ping is not an
// answer and carries zeros, unlike gRPC's bandwidth probe.
func countPings(stream io.Reader, pings *atomic.Int32) {
	const preface, ping, ack = 24, 0x6, 0x1
	if _, err := io.CopyN(io.Discard, stream, preface); err != nil {
		return
	}
	for header := make([]byte, 9); ; {
		if _, err := io.ReadFull(stream, header); err != nil {
			return
		}
		payload := make([]byte, binary.BigEndian.Uint32(header)>>8)
		if _, err := io.ReadFull(stream, payload); err != nil {
			return
		}
		if header[3] == ping && header[4]&ack == 0 && binary.BigEndian.Uint64(payload) == 0 {
			pings.Add(1)
		}
	}
}
