package transport

import (
	"net/http"
	"slices"

	"github.com/valyala/fasthttp"

	"vbge/server/fault"
)

const (
	// Authorization is never covered by the *, which newer browsers know; older ones need the rest.
	corsHeaders = "Authorization, Content-Type, Content-Encoding, X-Api-Key, X-Priority, X-Request-Id, X-Request-Timeout, *"
	corsMaxAge  = "3600"
)

// checkSite refuses what a page of another site sends to do more than read, unless its origin is one
// of CORSOrigins. A browser adds no key by itself, so requests with one are their page's own.
func (s *Server) checkSite(x *exchange, h *fasthttp.RequestHeader) error {
	site := h.Peek("Sec-Fetch-Site")
	if x.key != "" || s.anyOrigin || x.origin == "" && len(site) == 0 {
		return nil
	}
	request := &http.Request{Method: x.method, Host: string(h.Host()), Header: http.Header{}}
	if x.origin != "" {
		request.Header.Set("Origin", x.origin)
	}
	if len(site) > 0 {
		request.Header.Set("Sec-Fetch-Site", string(site))
	}
	if err := s.crossSite.Check(request); err != nil {
		return fault.New(http.StatusForbidden, "cross_site", "the request comes from a page of another site",
			"start the server with --cors-origin and the page's origin, or send a key").Because(err)
	}
	return nil
}

func (s *Server) allowed(origin string) bool {
	return origin != "" && (s.anyOrigin || slices.Contains(s.options.CORSOrigins, origin))
}

// optionsResponse answers OPTIONS, for which there is no route: a browser's preflight request, or
// somebody who wants to know the methods.
func (s *Server) optionsResponse(x *exchange) (*Response, error) {
	r := &Response{Status: http.StatusNoContent, Header: map[string]string{"Allow": x.allow}}
	h := &x.http.Request.Header
	if x.origin == "" || len(h.Peek("Access-Control-Request-Method")) == 0 {
		return r, nil
	}
	if !s.allowed(x.origin) {
		return nil, fault.New(http.StatusForbidden, "origin_not_allowed", "pages of this origin may not use the server",
			"start the server with --cors-origin and the page's origin")
	}
	r.Header["Access-Control-Allow-Methods"] = x.allow
	r.Header["Access-Control-Allow-Headers"] = corsHeaders
	r.Header["Access-Control-Max-Age"] = corsMaxAge
	return r, nil
}

// addCORS lets pages of an allowed origin read a reply. Credentials are never allowed: keys
// come in a header that the page itself sets.
func (s *Server) addCORS(x *exchange, h *fasthttp.ResponseHeader) {
	if len(s.options.CORSOrigins) == 0 {
		return
	}
	if s.anyOrigin {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Add("Vary", "Origin")
		if !s.allowed(x.origin) {
			return
		}
		h.Set("Access-Control-Allow-Origin", x.origin)
	}
	h.Set("Access-Control-Expose-Headers", "*")
}
