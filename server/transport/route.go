// Package transport carries requests and replies over HTTP with fasthttp: connections, limits,
// compression, keys, deadlines, logs, and the end of it all. What a request means is its routes' affair.
package transport

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Route is a method and a path with what answers them.
type Route struct {
	Method string
	Path   string // may have parameters: /v1/items/{id}/image
	Access Access
	Quiet  bool // logged at level debug, as probes and scrapes would drown the rest
	// Busy, where there is one, is asked before a request's body is taken in: an error is the reply.
	Busy func() error
	// Handle returns a reply or an error: a *fault.Error is sent as it is, any other is a 500 whose
	// text is for the log alone.
	Handle func(ctx context.Context, r *Request) (*Response, error)
}

// Access says who may use a route.
type Access int

const (
	Keyed  Access = iota // with a key, where the server has keys
	Open                 // everybody
	Writes               // with a key; without keys only where the server listens on loopback
)

// Request is one HTTP request whose body has been read and decompressed.
type Request struct {
	Method string
	Path   string
	Params map[string]string // of the route's path
	Query  url.Values
	Header http.Header
	Body   []byte // nobody else's: it may be kept
	Key    string // name of the key it came with, or ""
}

// Response is a reply.
type Response struct {
	Status      int // 0 is 200
	ContentType string
	Header      map[string]string
	Body        []byte
	Timing      []Timing    // sent as Server-Timing
	Log         []slog.Attr // added to the request's line in the log
}

// Timing is how long one stage of a reply has taken.
type Timing struct {
	Stage    string
	Duration time.Duration
}
