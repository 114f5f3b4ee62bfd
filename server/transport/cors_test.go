package transport

import (
	"net/http"
	"strings"
	"testing"
)

func TestCORS(t *testing.T) {
	const page = "https://page.example"
	keys := testKeys(t, "alice:"+hashOf("sesame"))
	const preflight = "Origin: " + page + "\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization,content-type,x-stainless-os\r\n"
	for _, test := range []struct {
		name    string
		origins []string
		keys    *Keys
		method  string
		headers string
		status  int
		want    map[string]string // "" is none
	}{
		{name: "off", method: "POST", headers: "Sec-Fetch-Site: same-origin\r\n", status: 200,
			want: map[string]string{"Access-Control-Allow-Origin": "", "Vary": "", "Cross-Origin-Resource-Policy": "same-origin"}},
		// A browser asks without the key whether it may send it.
		{name: "preflight", origins: []string{"http://localhost:3000", page}, keys: keys, method: "OPTIONS", headers: preflight, status: 204,
			want: map[string]string{"Access-Control-Allow-Origin": page, "Access-Control-Allow-Methods": "OPTIONS, POST", "Vary": "Origin",
				"Access-Control-Max-Age": "3600", "Access-Control-Allow-Credentials": "", "Allow": "OPTIONS, POST",
				"Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding, X-Api-Key, X-Priority, X-Request-Id, X-Request-Timeout, *"}},
		{name: "preflight of any", origins: []string{"*"}, method: "OPTIONS", headers: preflight, status: 204,
			want: map[string]string{"Access-Control-Allow-Origin": "*", "Vary": ""}},
		{name: "preflight of another", origins: []string{"http://localhost:3000"}, method: "OPTIONS", headers: preflight, status: 403,
			want: map[string]string{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Headers": ""}},
		{name: "OPTIONS of nobody's page", method: "OPTIONS", status: 204, want: map[string]string{"Allow": "OPTIONS, POST", "Access-Control-Allow-Methods": ""}},
		{name: "request", origins: []string{page}, method: "POST", headers: "Sec-Fetch-Site: cross-site\r\nOrigin: " + page + "\r\n", status: 200,
			want: map[string]string{"Access-Control-Allow-Origin": page, "Vary": "Origin", "Access-Control-Expose-Headers": "*", "Access-Control-Allow-Credentials": ""}},
		{name: "request with a key", origins: []string{page}, keys: keys, method: "POST", headers: "Authorization: Bearer sesame\r\nOrigin: " + page + "\r\n", status: 200,
			want: map[string]string{"Access-Control-Allow-Origin": page}},
		// Else a page could not show why it was refused.
		{name: "request without one", origins: []string{page}, keys: keys, method: "POST", headers: "Origin: " + page + "\r\n", status: 401,
			want: map[string]string{"Access-Control-Allow-Origin": page, "Access-Control-Expose-Headers": "*"}},
		{name: "of any", origins: []string{"*"}, method: "POST", headers: "Sec-Fetch-Site: cross-site\r\nOrigin: null\r\n", status: 200,
			want: map[string]string{"Access-Control-Allow-Origin": "*"}},
		{name: "of another", origins: []string{page}, method: "POST", headers: "Origin: https://page.example.evil\r\n", status: 403,
			want: map[string]string{"Access-Control-Allow-Origin": "", "Vary": "Origin, Accept-Encoding"}},
		{name: "of this site", method: "POST", headers: "Origin: http://localhost\r\nHost: localhost\r\n", status: 200},
		{name: "of this machine's other site", method: "POST", headers: "Sec-Fetch-Site: same-site\r\nOrigin: http://localhost:3000\r\nHost: localhost\r\n", status: 403},
		{name: "typed", method: "POST", headers: "Sec-Fetch-Site: none\r\n", status: 200},
		{name: "of a page without a name", method: "POST", headers: "Origin: null\r\n", status: 403},
		{name: "read only", method: "GET", headers: "Sec-Fetch-Site: cross-site\r\n", status: 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := "/"
			if test.method == "GET" {
				path = "/hello"
			}
			s := start(t, func(o *Options) { o.CORSOrigins, o.Keys = test.origins, test.keys }, post(echo), Route{Method: "GET", Path: "/hello", Handle: hello})
			got := s.ask(test.method, path, test.headers+"Content-Length: 0\r\n", "")
			if got.StatusCode != test.status {
				t.Errorf("got %s %+v", got.Status, got.fault)
			}
			for key, want := range test.want {
				if have := strings.Join(got.Header.Values(key), ", "); have != want {
					t.Errorf("%s: %q, want %q", key, have, want)
				}
			}
		})
	}
}

func TestHostOnLoopback(t *testing.T) {
	s := start(t, nil, Route{Method: "GET", Path: "/", Handle: hello})
	for host, want := range map[string]int{
		"localhost": 200, "LocalHost:8080": 200, "127.0.0.1": 200, "127.0.0.1:80": 200, "127.8.8.8": 200, "[::1]": 200, "[::1]:8080": 200,
		"example.com": 403, "localhost.example.com": 403, "127.0.0.1.example.com:8080": 403, "10.0.0.1": 403, "0.0.0.0": 403, "[::]": 403, "localhost.": 403, "x@localhost": 403,
	} {
		if got := s.ask("GET", "/", "Host: "+host+"\r\n", ""); got.StatusCode != want {
			t.Errorf("%s: %s", host, got.Status)
		}
	}
	got := s.dial().send("GET / HTTP/1.0\r\n\r\n").receive(http.MethodGet)
	if got.StatusCode != 200 {
		t.Errorf("HTTP/1.0 without Host: %s", got.Status)
	}
}
