package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/valyala/fasthttp"

	"vbge/server/fault"
)

// unreadable is fasthttp's ErrorHandler: it answers what could not be read as a request. The error
// of a malformed one is not kept, as it may hold a key.
func (s *Server) unreadable(ctx *fasthttp.RequestCtx, err error) {
	x := &exchange{
		http: ctx, conn: ctx.Conn().(*conn), start: time.Now(), ctx: s.base,
		id: requestID(&ctx.Request.Header),
	}
	f := s.unreadableFault(err, x.conn.isBusy())
	if !x.conn.isBusy() { // nothing has come: there is no request to tell of
		x.bodyEnd = true
		s.respond(x, faultResponse(f))
		return
	}
	s.reply(x, nil, f)
}

func (s *Server) unreadableFault(err error, begun bool) *fault.Error {
	// fasthttp wraps what goes wrong while it reads headers, not while it reads the beginning of a body.
	_, inBody := err.(net.Error)
	inBody = begun && (inBody || err == io.ErrUnexpectedEOF)
	var timeout net.Error
	isTimeout := errors.As(err, &timeout) && timeout.Timeout()
	switch {
	case s.base.Err() != nil:
		return stoppingFault()
	case errors.As(err, new(*fasthttp.ErrSmallBuffer)):
		return fault.New(http.StatusRequestHeaderFieldsTooLarge, "header_too_large",
			fmt.Sprintf("the request's line and headers have more than %d bytes", s.options.MaxHeaderBytes),
			"send fewer or shorter headers, or start the server with a higher --max-header-bytes")
	case isTimeout && inBody:
		return s.slowBody().Because(err)
	case isTimeout:
		return fault.New(http.StatusRequestTimeout, "header_timeout",
			fmt.Sprintf("the request's headers had not come after %v", s.options.HeaderTimeout),
			"send them at once, or start the server with a higher --header-timeout")
	case inBody:
		return truncatedBody().Because(err)
	}
	return fault.New(http.StatusBadRequest, "malformed_request", "the request's line or headers are not HTTP/1.1",
		"send them as RFC 9112 has them: one Host, at most one Content-Length, Transfer-Encoding chunked or none")
}
