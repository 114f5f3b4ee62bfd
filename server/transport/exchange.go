package transport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"vbge/server/fault"
)

// exchange is one request on its way to its reply.
type exchange struct {
	http   *fasthttp.RequestCtx
	conn   *conn
	start  time.Time
	id     string
	method string
	path   string
	origin string
	ctx    context.Context

	// What admit finds.
	route   *Route // nil: there is none, or the request asks for OPTIONS
	allow   string // methods of the path
	params  map[string]string
	key     string
	timeout time.Duration

	bodyEnd bool // the body has been read to its end, or there is none

	status            int
	bytesIn, bytesOut int
}

var (
	errClientGone = errors.New("the client has gone")
	errDeadline   = errors.New("the request's time is over")
)

func (s *Server) begin(ctx *fasthttp.RequestCtx) *exchange {
	h := &ctx.Request.Header
	length := h.ContentLength()
	return &exchange{
		http: ctx, conn: ctx.Conn().(*conn), start: time.Now(), ctx: s.base,
		id: requestID(h), method: string(h.Method()), path: string(ctx.Request.URI().PathOriginal()),
		origin: string(h.Peek("Origin")), bodyEnd: length == 0 || length == -2,
	}
}

// requestID is the client's own, where it is fit for logs.
func requestID(h *fasthttp.RequestHeader) string {
	id := h.Peek("X-Request-Id")
	if len(id) == 0 || len(id) > 128 {
		return rand.Text()
	}
	for _, b := range id {
		if (b|0x20 < 'a' || b|0x20 > 'z') && (b < '0' || b > '9') && !strings.ContainsRune("-_.:/+=", rune(b)) {
			return rand.Text()
		}
	}
	return string(id)
}

// headerReceived is called as soon as a request's headers are there. fasthttp would read some of the
// body before it asks again; for a body that is too large it is made to ask expect first.
func (s *Server) headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if int64(h.ContentLength()) > s.options.MaxBodyBytes {
		h.Set("Expect", "100-continue")
	}
	return fasthttp.RequestConfig{ReadTimeout: s.options.BodyTimeout}
}

// expect answers Expect: 100-continue. A request that its headers refuse has its reply here and now,
// which fasthttp sends as it stands.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	x := s.begin(ctx)
	if err := s.admit(x); err != nil {
		s.reply(x, nil, err)
		return ctx.Response.StatusCode()
	}
	return http.StatusContinue
}

func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	x := s.begin(ctx)
	r, err := s.answer(x)
	s.reply(x, r, err)
}

func (s *Server) answer(x *exchange) (r *Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			r, err = nil, &panicError{value: v, stack: debug.Stack()}
			x.http.Response.SetConnectionClose()
		}
	}()
	if err := s.admit(x); err != nil {
		return nil, err
	}
	if x.route == nil {
		return s.optionsResponse(x)
	}
	ctx, cancel := context.WithCancelCause(s.base)
	defer cancel(nil)
	ctx, stop := context.WithDeadlineCause(ctx, x.start.Add(x.timeout), errDeadline)
	defer stop()
	x.ctx = ctx

	body, err := s.readBody(x)
	if err != nil {
		return nil, err
	}
	request, err := x.request(body)
	if err != nil {
		return nil, err
	}
	s.leavers.add(x.conn, func() { cancel(errClientGone) })
	defer s.leavers.remove(x.conn)
	r, err = x.route.Handle(ctx, request)
	if err == nil && x.method == http.MethodGet && !s.memory.room(int64(len(r.Body))) {
		return nil, noMemory() // which costs nobody work: what a slow client has not read yet adds up
	}
	return r, err
}

// request copies what a handler may keep; fasthttp's memory is the next request's.
func (x *exchange) request(body []byte) (*Request, error) {
	query, err := url.ParseQuery(string(x.http.URI().QueryString()))
	if err != nil {
		return nil, fault.New(http.StatusBadRequest, "malformed_query", "the query cannot be read: "+err.Error(),
			"escape what is not a letter or digit with %")
	}
	header := http.Header{}
	for key, value := range x.http.Request.Header.All() {
		header.Add(string(key), string(value))
	}
	header.Del("Authorization") // no handler can log what it never sees
	header.Del("X-Api-Key")
	return &Request{
		Method: x.method, Path: x.path, Params: x.params, Query: query,
		Header: header, Body: body, Key: x.key,
	}, nil
}

// panicError is what a handler has panicked with.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// faultOf is the refusal that an error of a handler, or of the way to it, is sent as.
func (x *exchange) faultOf(err error) *fault.Error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	cause := context.Cause(x.ctx)
	if cause != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, cause)) {
		switch cause {
		case errDeadline:
			return fault.New(http.StatusGatewayTimeout, "request_timeout",
				fmt.Sprintf("the request was not answered within %v", x.timeout),
				"ask for more time with X-Request-Timeout, send less, or start the server with a higher --request-timeout").Because(err)
		case errClientGone:
			return fault.New(499, "client_gone", "the client left before its reply", "wait longer").Because(err)
		case errStopping:
			return stoppingFault().Because(err)
		}
	}
	return fault.New(http.StatusInternalServerError, "internal", "the server has failed at this request",
		"report it with the request id "+x.id+", which its log has too").Because(err)
}

func stoppingFault() *fault.Error {
	return fault.New(http.StatusServiceUnavailable, "stopping", "the server is stopping, and its time for this request is over",
		"send it again, to another server or in a moment; the operator may raise --shutdown-timeout").After(time.Second)
}
