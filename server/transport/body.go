package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"vbge/server/fault"
)

const (
	firstBuffer = 256 << 10 // most that is taken for a body of known length before it is there
	blindBuffer = 64 << 10  // the same, where the length is not known
	growth      = 4         // of a buffer that is full: copies a third of a body in all
)

// readBody returns a request's body, decompressed, in memory of its own. What it takes is counted in
// server.memory as it comes, not as it is announced: else a few idle connections could use it up.
func (s *Server) readBody(x *exchange) ([]byte, error) {
	stream := x.http.RequestBodyStream()
	if stream == nil {
		return nil, nil
	}
	body, err := s.receive(x, stream, int64(x.http.Request.Header.ContentLength()))
	x.bytesIn = len(body)
	if err != nil {
		return nil, err
	}
	x.bodyEnd = true
	if coding := coding(x.http.Request.Header.ContentEncoding()); coding != "" && len(body) > 0 {
		return s.decompress(x, coding, body)
	}
	return body, nil
}

// receive reads a body of length bytes, or of unknown length if that is negative.
func (s *Server) receive(x *exchange, stream io.Reader, length int64) ([]byte, error) {
	limit := s.options.MaxBodyBytes
	most, size := length, min(length, firstBuffer)
	if length < 0 {
		most, size = limit+1, min(limit+1, blindBuffer)
	}
	if !x.conn.take(size) {
		return nil, noMemory()
	}
	body := make([]byte, 0, size)
	for {
		n, err := stream.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			x.http.Response.SetConnectionClose()
			return body, s.tooLarge(-1)
		case err == io.EOF && length >= 0 && int64(len(body)) < length:
			return body, x.bodyFault(io.ErrUnexpectedEOF)
		case err == io.EOF:
			return body, nil
		case err != nil:
			return body, x.bodyFault(err)
		}
		if len(body) == cap(body) {
			size := min(growth*int64(cap(body)), most)
			if !x.conn.take(size) {
				return body, noMemory()
			}
			larger := append(make([]byte, 0, size), body...)
			x.conn.hold(-int64(cap(body)))
			body = larger
		}
	}
}

// bodyFault is the refusal of a body that could not be read.
func (x *exchange) bodyFault(err error) error {
	x.http.Response.SetConnectionClose()
	var timeout net.Error
	switch {
	case x.conn.server.base.Err() != nil:
		return stoppingFault().Because(err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return x.conn.server.slowBody().Because(err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, new(*net.OpError)):
		return truncatedBody().Because(err)
	}
	return fault.New(http.StatusBadRequest, "malformed_chunks", "the body's chunks cannot be read",
		"send chunks as RFC 9112 has them, or a Content-Length").Because(err)
}

func (s *Server) slowBody() *fault.Error {
	return fault.New(http.StatusRequestTimeout, "body_timeout",
		fmt.Sprintf("the body had not come %v after the headers", s.options.BodyTimeout),
		"send less at a time, or start the server with a higher --body-timeout")
}

func truncatedBody() *fault.Error {
	return fault.New(http.StatusBadRequest, "truncated_body", "the body ended before its length",
		"send as many bytes as Content-Length says, or all chunks with the last empty one")
}

// tooLarge refuses a body of length bytes, negative where that is not known.
func (s *Server) tooLarge(length int64) *fault.Error {
	message := fmt.Sprintf("the body has more than %d bytes", s.options.MaxBodyBytes)
	if length >= 0 {
		message = fmt.Sprintf("the body has %d bytes; the most is %d", length, s.options.MaxBodyBytes)
	}
	return fault.New(http.StatusRequestEntityTooLarge, "body_too_large", message,
		"send fewer or smaller items, or start the server with a higher --max-body-bytes")
}

func noMemory() *fault.Error {
	return fault.New(http.StatusTooManyRequests, "body_memory_full", "the server has no memory left for another body of this size",
		"try again, send less at a time, or start the server with a higher --max-body-memory").After(time.Second)
}
