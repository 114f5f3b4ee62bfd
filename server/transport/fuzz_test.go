package transport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func FuzzParseTimeout(f *testing.F) {
	for _, text := range []string{"2.5", "500ms", "-1", "1e400", "NaN", "0x1p-2", "1h1m", "", "9223372036854775807s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, ok := parseTimeout(text, time.Minute); ok && (d <= 0 || d > time.Minute) {
			t.Errorf("%q is %v", text, d)
		}
	})
}

func FuzzNegotiate(f *testing.F) {
	for _, header := range []string{"gzip, deflate, br, zstd", "gzip;q=0.5, *;q=0", ";,=", "identity;q=0", "gzip;q=1e-400"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if coding := negotiate(header); !known(coding) || coding != "" && !strings.Contains(strings.ToLower(header), coding) && !strings.Contains(header, "*") {
			t.Errorf("%q asks for %q", header, coding)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte("alice:"+hashOf("a")+"\n# comment\n\nbob:"+hashOf("b")), "a")
	f.Add([]byte("alice"), "")
	f.Add([]byte(":\n:"), "x")
	f.Fuzz(func(t *testing.T, file []byte, key string) {
		lines, err := parseKeys(bytes.NewReader(file))
		if (err == nil) != (len(lines) > 0) {
			t.Fatalf("%d keys, %v", len(lines), err)
		}
		if err != nil {
			return
		}
		k := &Keys{}
		k.lines.Store(&lines)
		// A key that is known stands in the file by its hash, in either case of letters.
		if name, ok := k.Name(key); ok && (name == "" || !strings.Contains(strings.ToLower(string(file)), hashOf(key))) {
			t.Errorf("%q is the key of %q", key, name)
		}
	})
}

// FuzzConnection has a client send anything: what comes back is HTTP, errors are in their one form,
// and no memory stays taken.
func FuzzConnection(f *testing.F) {
	const head = "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sesame\r\n"
	for _, seed := range []string{
		getRoot, head + "Content-Length: 5\r\n\r\nhello", head + "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
		head + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello" + getRoot, head + "Content-Length: 2000\r\n\r\n" + strings.Repeat("x", 2000),
		head + "Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + string(gzipped(f, nil)), head + "Content-Encoding: zstd\r\nContent-Length: 9\r\n\r\n" + string(zstded(f, []byte("x"))),
		head + "Accept-Encoding: gzip;q=0.5\r\nContent-Length: 0\r\n\r\n", "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nAccess-Control-Request-Method: POST\r\n\r\n",
		"GET /items/%zz HTTP/1.1\r\nHost: localhost\r\nX-Request-Timeout: 1e9\r\n\r\n", "GET http://[::1]:80/?%zz HTTP/1.0\r\nX-Api-Key: sesame\r\n\r\n", "\r\n\r\n", "\x16\x03\x01",
	} {
		f.Add([]byte(seed))
	}
	o := DefaultOptions()
	o.MaxBodyBytes, o.MaxDecompressedBytes = 1000, 1000
	s, err := New(o, []Route{post(echo), {Method: "GET", Path: "/items/{id}", Access: Writes, Handle: hello}})
	if err != nil {
		f.Fatal(err)
	}
	s.base, s.loopback = context.Background(), true
	f.Fuzz(func(t *testing.T, request []byte) {
		script := &scripted{in: bytes.NewReader(request)}
		s.converse(newConn(s, script))
		if used := s.Stats().BodyMemory; used != 0 {
			t.Fatalf("%d bytes are still counted", used)
		}
		out := bufio.NewReader(&script.out)
		for out.Buffered() > 0 || script.out.Len() > 0 {
			r, err := http.ReadResponse(out, nil)
			if err != nil {
				if strings.Contains(string(request), "HEAD") {
					return // http.ReadResponse would have to be told
				}
				t.Fatalf("the reply is not HTTP: %v", err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil && !strings.Contains(string(request), "HEAD") {
				t.Fatalf("the reply is cut: %v", err)
			}
			var envelope struct {
				Error struct{ Code, Message, Change string }
			}
			if r.StatusCode >= 400 && r.Header.Get("Content-Encoding") == "" && len(body) > 0 {
				if err := json.Unmarshal(body, &envelope); err != nil || envelope.Error.Code == "" || envelope.Error.Code == "internal" {
					t.Fatalf("%s %q: %v", r.Status, body, err)
				}
			}
		}
	})
}

// scripted is a connection whose client has sent all that it will.
type scripted struct {
	in  *bytes.Reader
	out bytes.Buffer
}

func (c *scripted) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c *scripted) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *scripted) Close() error                     { return nil }
func (c *scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *scripted) SetDeadline(time.Time) error      { return nil }
func (c *scripted) SetReadDeadline(time.Time) error  { return nil }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }
