package transport

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// Options are the server's limits and habits; every limit has a flag of `vbge serve`, which each
// refusal names. Start from DefaultOptions: New refuses a limit of 0.
type Options struct {
	// MaxBodyBytes bounds a request's body as it is sent. A larger one is refused with a 413: by its
	// Content-Length before any of it is read, or while it comes. Too low and pictures of a large
	// camera, as base64 in JSON, do not get through.
	MaxBodyBytes int64
	// MaxDecompressedBytes bounds a body that was sent compressed, as MaxBodyBytes does not: a
	// megabyte can unfold to ten gigabytes.
	MaxDecompressedBytes int64
	// MaxBodyMemory bounds the bodies of all requests being served, with those being decompressed
	// and replies not yet sent. A request that finds no room is refused with a 429. Too high and
	// many large requests at once exhaust the machine. At least twice the two limits above, as a
	// body may be there twice: compressed and not, or in a buffer and in the next larger one.
	MaxBodyMemory int64
	// MaxHeaderBytes bounds a request's line and headers, and is the size of each connection's
	// buffer. Too low and requests with cookies of other services on the same host get a 431.
	MaxHeaderBytes int
	// MaxConnections bounds open connections; the next gets a 503 at once. Each costs a goroutine,
	// a descriptor (see ulimit -n) and MaxHeaderBytes.
	MaxConnections int

	// HeaderTimeout bounds how long the headers of a request may take, from the connection's
	// opening or the request's first byte: without it idle hands could hold every connection.
	HeaderTimeout time.Duration
	// BodyTimeout bounds how long a body may take. Too low and clients on slow lines cannot send
	// pictures; too high and they hold connections and memory.
	BodyTimeout time.Duration
	// WriteTimeout bounds how long a client may take to read its reply, whose memory waits for it.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection may wait for its next request. A proxy in front needs a
	// shorter one of its own, or it sends requests into connections that are just being closed.
	IdleTimeout time.Duration
	// RequestTimeout is how long a request may take from its headers to its reply, and the most
	// that X-Request-Timeout may ask for. Its work is given up then, with a 504.
	RequestTimeout time.Duration
	// ShutdownDelay is how long requests are served as before once the server is to stop, while
	// Stopping is true: time for load balancers to notice that it is not ready.
	ShutdownDelay time.Duration
	// ShutdownTimeout bounds how long accepted requests may take after that. What is not answered
	// by then gets a 503, and Serve an error.
	ShutdownTimeout time.Duration

	// Keys are the keys that requests need; nil asks for none.
	Keys *Keys
	// CORSOrigins are the origins (https://example.com) whose pages may use the server, or "*" for
	// all. Without keys, such pages can do whatever the server can. Empty is no CORS.
	CORSOrigins []string
	// Log has one line for each request, without bodies, queries or keys. nil is none.
	Log *slog.Logger
	// Observe is told of each exchange, from many goroutines at once. It must be quick.
	Observe func(Exchange)
}

// Exchange is a request and what became of it.
type Exchange struct {
	Route    string // the path of the route, with its parameters' names; "" where there is none
	Method   string // "" where the request could not be read
	Status   int
	Code     string        // of the error; "" is a success
	Duration time.Duration // from the headers to the reply; without sending it
	BytesIn  int           // of the body as it was sent, as far as it was read
	BytesOut int           // of the reply's body as it is sent
	Timing   []Timing
}

// DefaultOptions fit a machine with 8 GB.
func DefaultOptions() Options {
	return Options{
		MaxBodyBytes:         64 << 20,
		MaxDecompressedBytes: 64 << 20,
		MaxBodyMemory:        1 << 30,
		MaxHeaderBytes:       16 << 10,
		MaxConnections:       1024,
		HeaderTimeout:        5 * time.Second,
		BodyTimeout:          60 * time.Second,
		WriteTimeout:         60 * time.Second,
		IdleTimeout:          90 * time.Second,
		RequestTimeout:       60 * time.Second,
		ShutdownTimeout:      30 * time.Second,
	}
}

// Check returns an error that names the flags of all options that cannot be.
func (o *Options) Check() error {
	var faults []error
	for _, limit := range []struct {
		flag  string
		value int64
	}{
		{"--max-body-bytes", o.MaxBodyBytes},
		{"--max-decompressed-bytes", o.MaxDecompressedBytes},
		{"--max-body-memory", o.MaxBodyMemory},
		{"--max-header-bytes", int64(o.MaxHeaderBytes)},
		{"--max-connections", int64(o.MaxConnections)},
		{"--header-timeout", int64(o.HeaderTimeout)},
		{"--body-timeout", int64(o.BodyTimeout)},
		{"--write-timeout", int64(o.WriteTimeout)},
		{"--idle-timeout", int64(o.IdleTimeout)},
		{"--request-timeout", int64(o.RequestTimeout)},
		{"--shutdown-timeout", int64(o.ShutdownTimeout)},
	} {
		if limit.value <= 0 {
			faults = append(faults, fmt.Errorf("%s must be more than 0", limit.flag))
		}
	}
	if o.ShutdownDelay < 0 {
		faults = append(faults, errors.New("--shutdown-delay must not be less than 0"))
	}
	if largest := max(o.MaxBodyBytes, o.MaxDecompressedBytes); o.MaxBodyMemory/2 < largest {
		faults = append(faults, fmt.Errorf("--max-body-memory must be at least %d, twice --max-body-bytes and --max-decompressed-bytes", 2*largest))
	}
	for _, origin := range o.CORSOrigins {
		// "null" is what a sandboxed frame of any page sends.
		if err := http.NewCrossOriginProtection().AddTrustedOrigin(origin); origin != "*" && (err != nil || origin == "null") {
			faults = append(faults, fmt.Errorf("--cors-origin %q is neither * nor an origin such as https://example.com or http://localhost:3000", origin))
		}
	}
	if len(o.CORSOrigins) > 1 && slices.Contains(o.CORSOrigins, "*") {
		faults = append(faults, errors.New("--cors-origin: * allows every origin, so name no other beside it"))
	}
	return errors.Join(faults...)
}

func (o *Options) complete() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(Exchange) {}
	}
}
