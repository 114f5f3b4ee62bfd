package transport

import (
	"context"
	"math"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

// Server answers HTTP requests with its routes.
type Server struct {
	options   Options
	router    *router
	http      *fasthttp.Server
	crossSite *http.CrossOriginProtection
	anyOrigin bool
	tooMany   []byte

	memory   budget
	unpack   chan *decompressor // those that nobody uses
	pack     *compressor
	leavers  *leavers
	refused  atomic.Int64
	stopping atomic.Bool

	// Of Serve.
	serving  atomic.Bool
	lastCall atomic.Bool // no more connections than those that wait for accept already
	base     context.Context
	loopback bool
	unix     bool
	working  sync.WaitGroup // connections
	mu       sync.Mutex
	conns    map[*conn]struct{}
}

// writeBuffer holds the reply with one vector as JSON, so that it is one system call.
const writeBuffer = 16 << 10

// New returns a server of routes; its errors name the flags at fault.
func New(o Options, routes []Route) (*Server, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	o.complete()
	router, err := newRouter(routes)
	if err != nil {
		return nil, err
	}
	s := &Server{
		options:   o,
		router:    router,
		crossSite: http.NewCrossOriginProtection(),
		anyOrigin: slices.Contains(o.CORSOrigins, "*"),
		tooMany:   tooMany(o.MaxConnections),
		unpack:    make(chan *decompressor, runtime.GOMAXPROCS(0)),
		leavers:   newLeavers(),
		conns:     map[*conn]struct{}{},
	}
	s.memory.limit = o.MaxBodyMemory
	for range cap(s.unpack) {
		s.unpack <- &decompressor{}
	}
	if s.pack, err = newCompressor(); err != nil {
		return nil, err
	}
	for _, origin := range o.CORSOrigins {
		if origin != "*" {
			if err := s.crossSite.AddTrustedOrigin(origin); err != nil {
				return nil, err
			}
		}
	}
	s.http = &fasthttp.Server{
		Handler:        s.handle,
		ErrorHandler:   s.unreadable,
		HeaderReceived: s.headerReceived,
		ExpectHandler:  s.expect,
		ConnState:      func(c net.Conn, state fasthttp.ConnState) { c.(*conn).state(state) },
		Concurrency:    math.MaxInt32, // accept counts
		ReadBufferSize: o.MaxHeaderBytes, WriteBufferSize: writeBuffer,
		ReadTimeout: o.HeaderTimeout, WriteTimeout: o.WriteTimeout, IdleTimeout: o.IdleTimeout,
		StreamRequestBody: true, DisablePreParseMultipartForm: true,
		NoDefaultServerHeader: true, NoDefaultContentType: true,
		SecureErrorLogMessage: true, // or errors hold headers, and with them keys
		Logger:                discard{},
	}
	return s, nil
}

// discard takes what fasthttp would log: it says nothing that the errors it returns do not.
type discard struct{}

func (discard) Printf(string, ...any) {}

// Stopping reports whether the server has been told to stop: it is not ready from then on.
func (s *Server) Stopping() bool { return s.stopping.Load() }

// Stats is a snapshot.
type Stats struct {
	Connections int
	Refused     int64 // connections, since the start, by MaxConnections
	BodyMemory  int64 // bytes of bodies in flight: see MaxBodyMemory
}

// Stats returns a snapshot.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Connections: len(s.conns), Refused: s.refused.Load(), BodyMemory: s.memory.used.Load()}
}
