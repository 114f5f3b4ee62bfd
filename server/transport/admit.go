package transport

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"vbge/server/fault"
)

// admit finds a request's route, and refuses what its line and headers give reason to refuse, before
// any memory is taken for its body.
func (s *Server) admit(x *exchange) error {
	h := &x.http.Request.Header
	if err := s.checkHost(string(h.Host())); err != nil {
		return err
	}
	if err := s.checkLength(int64(h.ContentLength())); err != nil {
		return err
	}
	found, params := s.router.find(x.path)
	if found == nil {
		return fault.New(http.StatusNotFound, "not_found", "there is nothing at this path", "see /docs for what there is")
	}
	x.allow, x.params = found.allow, params
	if x.method == http.MethodOptions && found.routes[http.MethodOptions] == nil {
		return nil
	}
	route := found.routes[x.method]
	if route == nil {
		return fault.New(http.StatusMethodNotAllowed, "method_not_allowed", "this path does not answer "+x.method, "use "+found.allow)
	}
	x.route = route
	var err error
	if x.key, err = s.checkKey(h, route.Access); err != nil {
		return err
	}
	if err := s.checkSite(x, h); err != nil {
		return err
	}
	if err := checkCoding(h); err != nil {
		return err
	}
	if x.timeout, err = s.requestTimeout(h); err != nil || route.Busy == nil {
		return err
	}
	return route.Busy()
}

// checkLength refuses bodies that are announced as larger than allowed, or than there is room for.
func (s *Server) checkLength(length int64) error {
	if length > s.options.MaxBodyBytes {
		return s.tooLarge(length)
	}
	if length > 0 && !s.memory.room(length) {
		return noMemory()
	}
	return nil
}

// checkHost refuses names that are not this machine's own, on loopback without keys: a page of
// another site whose name has come to mean 127.0.0.1 (DNS rebinding) would pass for one of ours.
func (s *Server) checkHost(host string) error {
	if !s.loopback || s.unix || s.options.Keys != nil || host == "" {
		return nil
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if strings.EqualFold(name, "localhost") {
		return nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil && ip.IsLoopback() {
		return nil
	}
	return fault.New(http.StatusForbidden, "host_not_allowed",
		"without keys a server on loopback answers only to localhost, 127.0.0.1 and [::1]",
		"use one of these names, let the proxy in front send it as Host, or start the server with --keys")
}

// checkKey returns the name of the request's key, where its route needs one.
func (s *Server) checkKey(h *fasthttp.RequestHeader, access Access) (string, error) {
	if access == Open {
		return "", nil
	}
	if s.options.Keys == nil {
		if access == Writes && !s.loopback {
			return "", fault.New(http.StatusForbidden, "keys_not_set",
				"without keys this route answers only on loopback, which is not where the server listens",
				"start the server with --keys, or with --listen 127.0.0.1:8080")
		}
		return "", nil
	}
	const change = "send one header, Authorization: Bearer KEY or X-Api-Key: KEY, with a key of the server's --keys"
	key, err := presentedKey(h)
	if err != nil {
		return "", fault.New(http.StatusUnauthorized, "key_missing", err.Error(), change)
	}
	name, ok := s.options.Keys.Name(key)
	if !ok {
		return "", fault.New(http.StatusUnauthorized, "key_unknown", "the server does not know this key", change)
	}
	return name, nil
}

func presentedKey(h *fasthttp.RequestHeader) (string, error) {
	var bearers, keys []string
	for _, v := range h.PeekAll("Authorization") {
		bearers = append(bearers, string(v))
	}
	for _, v := range h.PeekAll("X-Api-Key") {
		keys = append(keys, string(v))
	}
	switch {
	case len(bearers)+len(keys) == 0:
		return "", errors.New("this route needs a key")
	case len(bearers)+len(keys) > 1:
		return "", errors.New("there is more than one header with a key")
	case len(bearers) == 1:
		scheme, key, _ := strings.Cut(bearers[0], " ")
		key = strings.TrimLeft(key, " ") // RFC 9110, section 11.4
		if !strings.EqualFold(scheme, "Bearer") || !isToken(key) {
			return "", errors.New("the Authorization header is not Bearer and a key")
		}
		return key, nil
	}
	if !isToken(keys[0]) {
		return "", errors.New("the X-Api-Key header is not a key")
	}
	return keys[0], nil
}

// isToken reports whether s could be a key: printable, without spaces.
func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// checkCoding refuses bodies that were compressed in ways that readBody does not know.
func checkCoding(h *fasthttp.RequestHeader) error {
	all := h.PeekAll("Content-Encoding")
	if len(all) == 0 || len(all) == 1 && known(coding(all[0])) {
		return nil
	}
	return fault.New(http.StatusUnsupportedMediaType, "unsupported_encoding",
		"the body's Content-Encoding is not one that the server reads", "use gzip or zstd, once, or none (identity)")
}

// coding is a Content-Encoding in its own words; "" is none.
func coding(value []byte) string {
	switch name := strings.ToLower(strings.TrimSpace(string(value))); name {
	case "identity":
		return ""
	case "x-gzip": // RFC 9110, section 8.4.1.3
		return gzipCoding
	default:
		return name
	}
}

func known(coding string) bool { return coding == "" || coding == gzipCoding || coding == zstdCoding }

func (s *Server) requestTimeout(h *fasthttp.RequestHeader) (time.Duration, error) {
	values := h.PeekAll("X-Request-Timeout")
	if len(values) == 0 {
		return s.options.RequestTimeout, nil
	}
	if timeout, ok := parseTimeout(string(values[0]), s.options.RequestTimeout); ok && len(values) == 1 {
		return timeout, nil
	}
	return 0, fault.New(http.StatusBadRequest, "malformed_timeout", "X-Request-Timeout is not a time",
		fmt.Sprintf("send seconds (2.5) or a duration (500ms), once, more than 0 and at most %v (--request-timeout)", s.options.RequestTimeout)).At("X-Request-Timeout")
}

// parseTimeout reads seconds, or a duration of Go's. What is over the most that there is, is the most.
func parseTimeout(text string, most time.Duration) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	if err != nil {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(seconds) || math.IsInf(seconds, 0) {
			return 0, false
		}
		if seconds > most.Seconds() {
			return most, true
		}
		d = time.Duration(seconds * float64(time.Second))
	}
	return min(d, most), d > 0
}
