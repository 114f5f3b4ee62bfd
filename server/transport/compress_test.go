package transport

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestNegotiate(t *testing.T) {
	for header, want := range map[string]string{
		"":                              "",
		"gzip":                          "gzip",
		"zstd":                          "zstd",
		"x-gzip":                        "gzip",
		"GZIP":                          "gzip",
		"br":                            "",
		"gzip, deflate, br, zstd":       "zstd",
		"zstd;q=0.5, gzip;q=0.8":        "gzip",
		"gzip;q=0.5,zstd;q=0.5":         "zstd",
		"gzip;q=0, zstd;q=0":            "",
		"gzip;q=0":                      "",
		"*":                             "zstd",
		"*;q=0":                         "",
		"zstd;q=0, *":                   "gzip",
		"*;q=0, gzip":                   "gzip",
		"identity":                      "",
		"identity, gzip;q=0.5":          "",
		"identity;q=0.5, gzip;q=1.0":    "gzip",
		"identity;q=0":                  "",
		"gzip ; q = 0.5":                "gzip",
		"gzip;q=1.5":                    "",
		"gzip;q=-1":                     "",
		"gzip;q=NaN":                    "",
		"gzip;q=x":                      "",
		"gzip;level=9":                  "",
		" , ,gzip":                      "gzip",
		"gzip;q=0.001, identity;q=0.01": "",
	} {
		if got := negotiate(header); got != want {
			t.Errorf("negotiate(%q) = %q, want %q", header, got, want)
		}
	}
}

func TestCompressedReplies(t *testing.T) {
	words := bytes.Repeat([]byte("these are words. "), 1000)
	served := func(contentType string, body []byte, header map[string]string) func(context.Context, *Request) (*Response, error) {
		return func(context.Context, *Request) (*Response, error) {
			return &Response{ContentType: contentType, Body: body, Header: header}, nil
		}
	}
	s := start(t, nil,
		Route{Method: "GET", Path: "/json", Handle: served("application/json", words, nil)},
		Route{Method: "GET", Path: "/page", Handle: served("text/html; charset=utf-8", words, map[string]string{"ETag": `W/"1"`, "Vary": "Cookie", "Content-Security-Policy": "default-src 'self'"})},
		Route{Method: "GET", Path: "/short", Handle: served("application/json", words[:minCompressed-1], nil)},
		Route{Method: "GET", Path: "/picture", Handle: served("image/jpeg", words, nil)},
		Route{Method: "GET", Path: "/vectors", Handle: served("application/octet-stream", words, nil)},
		Route{Method: "GET", Path: "/noise", Handle: served("text/plain", noise(5000), nil)},
		Route{Method: "GET", Path: "/done", Handle: served("text/plain", gzipped(t, words), map[string]string{"Content-Encoding": "gzip"})},
	)
	for _, test := range []struct{ path, accept, coding, vary string }{
		{"/json", "gzip", "gzip", "Accept-Encoding"},
		{"/json", "gzip, zstd", "zstd", "Accept-Encoding"},
		{"/json", "", "", "Accept-Encoding"},
		{"/page", "zstd", "zstd", "Cookie, Accept-Encoding"},
		{"/short", "gzip", "", "Accept-Encoding"},
		{"/picture", "gzip", "", ""},
		{"/vectors", "gzip", "", ""},
		{"/noise", "gzip, zstd", "", "Accept-Encoding"},
		{"/done", "zstd, gzip", "gzip", ""},
	} {
		got := s.ask("GET", test.path, "Accept-Encoding: "+test.accept+"\r\n", "")
		if have := got.Header.Get("Content-Encoding"); have != test.coding {
			t.Errorf("%s with %q: coded by %q, want %q", test.path, test.accept, have, test.coding)
		}
		if vary := strings.Join(got.Header.Values("Vary"), ", "); vary != test.vary {
			t.Errorf("%s with %q: Vary %q, want %q", test.path, test.accept, vary, test.vary)
		}
		body := unpacked(t, got.Header.Get("Content-Encoding"), got.body)
		if want := words[:min(len(body), len(words))]; test.path != "/noise" && !bytes.Equal(body, want) || len(body) == 0 {
			t.Errorf("%s with %q: another body", test.path, test.accept)
		}
		head := s.ask("HEAD", test.path, "Accept-Encoding: "+test.accept+"\r\n", "")
		if head.StatusCode != 200 || head.ContentLength != int64(len(got.body)) || len(head.body) > 0 || head.Header.Get("Content-Encoding") != test.coding || head.Header.Get("Content-Type") != got.Header.Get("Content-Type") {
			t.Errorf("HEAD %s with %q: %s, %d of %d bytes, %v", test.path, test.accept, head.Status, head.ContentLength, len(got.body), head.Header)
		}
	}
	got := s.ask("GET", "/page", "Accept-Encoding: gzip\r\n", "")
	if got.Header.Get("ETag") != `W/"1"` || got.Header.Get("Content-Security-Policy") != "default-src 'self'" {
		t.Errorf("the route's own headers are %v", got.Header)
	}
	long := s.ask("GET", "/json", "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n", "")
	if long.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("two headers: %v", long.Header)
	}
}

func unpacked(t *testing.T, coding string, body []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
