package transport

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"vbge/server/fault"
)

const longestPath = 200 // in the log

// Headers of every reply, unless it has its own. Nothing but the page may run scripts, or be shown
// inside of another site.
var headers = [][2]string{
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
}

// reply answers an exchange and tells Log and Observe of it.
func (s *Server) reply(x *exchange, r *Response, err error) {
	if r == nil && err == nil {
		err = errors.New("the handler returned neither a reply nor an error")
	}
	var f *fault.Error
	if err != nil {
		f = x.faultOf(err)
		r = faultResponse(f)
	}
	s.respond(x, r)
	s.record(x, r, f)
}

// respond hands fasthttp the reply, which it sends.
func (s *Server) respond(x *exchange, r *Response) {
	h := &x.http.Response.Header
	x.status = cmp.Or(r.Status, http.StatusOK)
	x.http.Response.SetStatusCode(x.status)
	for _, header := range headers {
		h.Set(header[0], header[1])
	}
	h.Set("X-Request-Id", x.id)
	s.addCORS(x, h)
	switch x.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="vbge"`)
	case http.StatusMethodNotAllowed:
		h.Set("Allow", x.allow)
	}
	if len(r.Timing) > 0 {
		h.Set("Server-Timing", serverTiming(r.Timing))
	}
	if r.ContentType != "" {
		h.SetContentType(r.ContentType)
	}
	for key, value := range r.Header {
		if strings.EqualFold(key, "Vary") {
			h.Add(key, value)
		} else {
			h.Set(key, value)
		}
	}
	body := r.Body
	if compressible(r.ContentType) && len(h.Peek("Content-Encoding")) == 0 {
		h.Add("Vary", "Accept-Encoding")
		var coding string
		if body, coding = s.pack.compress(body, acceptEncoding(x)); coding != "" {
			h.Set("Content-Encoding", coding)
		}
	}
	x.http.Response.SetBodyRaw(body)
	x.conn.hold(int64(len(body)) - x.conn.held) // the request's body is the garbage collector's now
	x.conn.unread = !x.bodyEnd
	if x.method != http.MethodHead {
		x.bytesOut = len(body)
	}
	if s.stopping.Load() {
		h.SetConnectionClose()
		x.conn.unread = true // a client that sends its next request meanwhile is to read this reply
	}
}

func acceptEncoding(x *exchange) string {
	var all []string
	for _, v := range x.http.Request.Header.PeekAll("Accept-Encoding") {
		all = append(all, string(v))
	}
	return strings.Join(all, ",")
}

func faultResponse(f *fault.Error) *Response {
	r := &Response{Status: f.Status, ContentType: "application/json", Header: map[string]string{"Cache-Control": "no-store"}}
	if f.RetryAfter > 0 {
		r.Header["Retry-After"] = strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds())))
	}
	// A struct of strings has no way to fail.
	r.Body, _ = json.Marshal(struct {
		Error *fault.Error `json:"error"`
	}{f})
	return r
}

// serverTiming is the header's value: milliseconds by stage.
func serverTiming(timing []Timing) string {
	var b []byte
	for i, t := range timing {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(append(b, t.Stage...), ";dur="...)
		b = strconv.AppendFloat(b, float64(t.Duration.Microseconds())/1000, 'f', -1, 64)
	}
	return string(b)
}

// record writes the exchange's line and tells Observe; f is nil for a success.
func (s *Server) record(x *exchange, r *Response, f *fault.Error) {
	e := Exchange{
		Method: x.method, Status: x.status, Duration: time.Since(x.start),
		BytesIn: x.bytesIn, BytesOut: x.bytesOut, Timing: r.Timing,
	}
	if f != nil {
		e.Code = f.Code
	}
	level := slog.LevelInfo
	if x.route != nil {
		e.Route = x.route.Path
		if x.route.Quiet {
			level = slog.LevelDebug
		}
	}
	attrs := append(make([]slog.Attr, 0, 16),
		slog.String("id", x.id), slog.String("method", x.method), slog.String("route", e.Route), slog.Int("status", e.Status),
		slog.Duration("duration", e.Duration), slog.Int("bytes_in", e.BytesIn), slog.Int("bytes_out", e.BytesOut), remote(x.conn))
	if e.Route == "" {
		attrs = append(attrs, slog.String("path", x.path[:min(len(x.path), longestPath)]))
	}
	if x.key != "" {
		attrs = append(attrs, slog.String("key", x.key))
	}
	attrs = append(attrs, r.Log...)
	if f != nil {
		attrs = append(attrs, slog.String("code", f.Code))
		if f.Status == http.StatusInternalServerError {
			level = slog.LevelError
		}
		if f.Cause != nil {
			attrs = append(attrs, slog.String("cause", f.Cause.Error()))
		}
		if p, ok := errors.AsType[*panicError](f.Cause); ok {
			attrs = append(attrs, slog.String("stack", string(p.stack)))
		}
	}
	s.options.Log.LogAttrs(context.Background(), level, "request", attrs...)
	s.options.Observe(e)
}
