package transport

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

func gzipped(t testing.TB, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(body)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t testing.TB, body []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(body, nil)
}

func noise(n int) []byte {
	b := make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	source.Read(b)
	return b
}

// chunks sends a body in pieces of n bytes.
func chunks(body []byte, n int) string {
	var b strings.Builder
	for piece := range slices.Chunk(body, n) {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
	}
	return b.String() + "0\r\n\r\n"
}

// TestBodiesArriveWhole sends bodies at the sizes where the buffers end, in each way that there is.
func TestBodiesArriveWhole(t *testing.T) {
	s := start(t, func(o *Options) { o.MaxBodyBytes, o.MaxDecompressedBytes = onePass+1, onePass+1 }, post(echo))
	for _, size := range []int{0, 1, 8 << 10, 8<<10 + 1, blindBuffer, blindBuffer + 1, firstBuffer - 1, firstBuffer, firstBuffer + 1, onePass, onePass + 1} {
		body := noise(size)
		if size >= onePass { // noise does not shrink below the limit, and zeros are quick
			body = append(make([]byte, size-1), 'x')
		}
		for name, request := range map[string]func() (string, []byte){
			"length":   func() (string, []byte) { return "", body },
			"chunked":  func() (string, []byte) { return "Transfer-Encoding: chunked\r\n", []byte(chunks(body, 100_000)) },
			"gzip":     func() (string, []byte) { return "Content-Encoding: gzip\r\n", gzipped(t, body) },
			"zstd":     func() (string, []byte) { return "Content-Encoding: ZSTD\r\n", zstded(t, body) },
			"identity": func() (string, []byte) { return "Content-Encoding: identity\r\n", body },
			"both": func() (string, []byte) {
				return "Content-Encoding: zstd\r\nTransfer-Encoding: chunked\r\n", []byte(chunks(zstded(t, body), 1<<20))
			},
		} {
			headers, sent := request()
			if !strings.Contains(headers, "chunked") {
				headers += fmt.Sprintf("Content-Length: %d\r\n", len(sent))
			}
			if got := s.ask("POST", "/", headers, string(sent)); got.StatusCode != 200 || !bytes.Equal(got.body, body) {
				t.Errorf("%s, %d bytes: %s, %d bytes, %+v", name, size, got.Status, len(got.body), got.fault)
			}
		}
	}
}

func TestManyGzipMembers(t *testing.T) {
	s := start(t, nil, post(echo))
	packed := append(gzipped(t, []byte("one ")), gzipped(t, []byte("two"))...)
	if got := s.ask("POST", "/", "Content-Encoding: x-gzip\r\nContent-Length: "+strconv.Itoa(len(packed))+"\r\n", string(packed)); string(got.body) != "one two" {
		t.Errorf("got %s %q", got.Status, got.body)
	}
}

func TestCompressedBodiesThatAreNone(t *testing.T) {
	s := start(t, func(o *Options) { o.MaxDecompressedBytes = 1000 }, post(echo))
	long := noise(500)
	wideWindow, err := zstd.NewWriter(nil, zstd.WithWindowSize(16<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	var wide bytes.Buffer
	wideWindow.Reset(&wide)
	wideWindow.Write(make([]byte, 20<<20))
	wideWindow.Close()
	for name, test := range map[string]struct {
		coding string
		body   []byte
		code   string
		status int
	}{
		"gzip cut":              {"gzip", gzipped(t, long)[:300], "corrupt_body", 400},
		"gzip without its end":  {"gzip", gzipped(t, long)[:len(gzipped(t, long))-1], "corrupt_body", 400},
		"gzip, header cut":      {"gzip", gzipped(t, long)[:5], "corrupt_body", 400},
		"gzip, wrong sum":       {"gzip", flip(gzipped(t, long), -5), "corrupt_body", 400},
		"gzip, then anything":   {"gzip", append(gzipped(t, long), "anything"...), "corrupt_body", 400},
		"zstd cut":              {"zstd", zstded(t, long)[:300], "corrupt_body", 400},
		"zstd, wrong sum":       {"zstd", flip(zstded(t, long), -1), "corrupt_body", 400},
		"zstd, window of 16 MB": {"zstd", wide.Bytes(), "corrupt_body", 400},
		"neither":               {"gzip", long, "corrupt_body", 400},
		"nor zstd":              {"zstd", long, "corrupt_body", 400},
		"gzip, a byte too much": {"gzip", gzipped(t, make([]byte, 1001)), "decompressed_too_large", 413},
		"zstd, a byte too much": {"zstd", zstded(t, make([]byte, 1001)), "decompressed_too_large", 413},
		"two members too much":  {"gzip", slices.Concat(gzipped(t, make([]byte, 600)), gzipped(t, make([]byte, 600))), "decompressed_too_large", 413},
	} {
		got := s.ask("POST", "/", fmt.Sprintf("Content-Encoding: %s\r\nContent-Length: %d\r\n", test.coding, len(test.body)), string(test.body))
		if got.StatusCode != test.status || got.fault.Code != test.code {
			t.Errorf("%s: %s %+v", name, got.Status, got.fault)
		}
		if test.status == 413 && (got.fault.Message != "the body has more than 1000 bytes when decompressed" ||
			got.fault.Change != "send fewer or smaller items, or start the server with a higher --max-decompressed-bytes") {
			t.Errorf("%s: %+v", name, got.fault)
		}
	}
}

func flip(b []byte, at int) []byte {
	b[len(b)+at] ^= 1
	return b
}

// TestBombs sends a megabyte that unfolds to gigabytes, with the limits as they are by default.
func TestBombs(t *testing.T) {
	s := start(t, nil, post(echo))
	for coding, bomb := range map[string][]byte{
		"gzip": bytes.Repeat(gzipped(t, make([]byte, 10<<20)), 100),
		"zstd": bytes.Repeat(zstded(t, make([]byte, 10<<20)), 1000),
	} {
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		peak := watchHeap()
		got := s.ask("POST", "/", fmt.Sprintf("Content-Encoding: %s\r\nContent-Length: %d\r\n", coding, len(bomb)), string(bomb))
		extra := int64(peak()) - int64(before.HeapAlloc)
		if got.StatusCode != 413 || got.fault.Code != "decompressed_too_large" {
			t.Errorf("%s: %s %+v", coding, got.Status, got.fault)
		}
		t.Logf("%s: a bomb of %d bytes cost %d", coding, len(bomb), extra)
		if extra >= 50<<20 {
			t.Errorf("%s: a bomb of %d bytes cost %d", coding, len(bomb), extra)
		}
	}
}

// watchHeap notes the largest heap until the function it returns is called.
func watchHeap() func() uint64 {
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(done); return <-peak }
}

// TestAnnouncedBodiesTakeLittle opens connections that announce large bodies and send next to
// nothing: together they must leave room for others.
func TestAnnouncedBodiesTakeLittle(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *Options) { o.MaxBodyMemory = 128 << 20 }, post(echo))
	var slow []*line
	for range 50 {
		l := s.dial().send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 67108864\r\n\r\n" + strings.Repeat("x", 10_000))
		slow = append(slow, l)
	}
	eventually(t, "50 connections to be read", func() bool { return s.Stats().BodyMemory == 50*firstBuffer })
	if got := s.ask("POST", "/", "Content-Length: 67108864\r\n", strings.Repeat("x", 64<<20)); got.StatusCode != 200 {
		t.Errorf("beside slow ones: %s %+v", got.Status, got.fault)
	}
	for _, l := range slow {
		l.Close()
	}
	eventually(t, "the memory to be given back", func() bool { return s.Stats().BodyMemory == 0 })
}

// TestMemoryIsRefusedWhileReading fills the memory while a body is on its way.
func TestMemoryIsRefusedWhileReading(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *Options) { o.MaxBodyBytes, o.MaxDecompressedBytes, o.MaxBodyMemory = 1<<20, 1<<20, 2<<20 }, post(echo))
	l := s.dial().send("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n")
	eventually(t, "the first buffer", func() bool { return s.Stats().BodyMemory == blindBuffer })
	s.memory.add(2 << 20)
	l.send(chunks(make([]byte, 1<<19), 1<<19))
	if got := l.receive("POST"); got.StatusCode != 429 || got.fault.Code != "body_memory_full" || got.Header.Get("Retry-After") != "1" {
		t.Errorf("got %s %+v", got.Status, got.fault)
	}
	s.memory.add(-2 << 20)
}

func TestBodyTimeout(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *Options) { o.BodyTimeout = 50 * time.Millisecond }, post(echo))
	for _, begin := range []string{"Content-Length: 10\r\n\r\nx", "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000), "Transfer-Encoding: chunked\r\n\r\n5\r\nxxx"} {
		l := s.dial().send("POST / HTTP/1.1\r\nHost: localhost\r\n" + begin)
		got := l.receive("POST")
		if got.StatusCode != 408 || got.fault.Code != "body_timeout" || !got.Close ||
			got.fault.Message != "the body had not come 50ms after the headers" ||
			got.fault.Change != "send less at a time, or start the server with a higher --body-timeout" {
			t.Errorf("got %s %+v", got.Status, got.fault)
		}
		l.closed()
	}
}

// TestClientsThatStopInTheBody close their sending side: what they sent is no request.
func TestClientsThatStopInTheBody(t *testing.T) {
	t.Parallel()
	called := make(chan struct{}, 10)
	s := start(t, nil, post(func(context.Context, *Request) (*Response, error) { called <- struct{}{}; return &Response{}, nil }))
	for _, begin := range []string{"Content-Length: 10\r\n\r\nx", "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000), "Transfer-Encoding: chunked\r\n\r\n5\r\nxxx"} {
		l := s.dial().send("POST / HTTP/1.1\r\nHost: localhost\r\n" + begin)
		l.Conn.(*net.TCPConn).CloseWrite()
		got := l.receive("POST")
		if got.StatusCode != 400 || got.fault.Code != "truncated_body" ||
			got.fault.Message != "the body ended before its length" ||
			got.fault.Change != "send as many bytes as Content-Length says, or all chunks with the last empty one" {
			t.Errorf("%.20q: got %s %+v", begin, got.Status, got.fault)
		}
		l.closed()
	}
	if len(called) > 0 {
		t.Error("half a body came to the handler")
	}
}

// TestRefusedBodyIsNotRead sends far more than the limit. The client is told at once, and can read
// it though it goes on sending for a while.
func TestRefusedBodyIsNotRead(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *Options) { o.MaxBodyBytes = 1000 }, post(echo))
	l := s.dial().send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n")
	got := l.receive("POST") // not a byte of the body has been sent
	if got.StatusCode != 413 || !got.Close {
		t.Fatalf("got %s %+v", got.Status, got.fault)
	}
	l = s.dial().send("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(make([]byte, 1<<20), 1<<16))
	if got := l.receive("POST"); got.StatusCode != 413 || got.fault.Code != "body_too_large" {
		t.Fatalf("got %s %+v", got.Status, got.fault)
	}
	l.closed()
	for range 2 {
		if e := s.next(); e.BytesIn > 1001 {
			t.Errorf("%d bytes were read", e.BytesIn)
		}
	}
}

func TestContinue(t *testing.T) {
	s := start(t, nil, post(echo))
	l := s.dial().send("POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if got := l.receive("POST"); got.StatusCode != 100 {
		t.Fatalf("got %s", got.Status)
	}
	if got := l.send("hello").receive("POST"); string(got.body) != "hello" {
		t.Fatalf("got %s %q", got.Status, got.body)
	}
	if got := l.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok").receive("POST"); string(got.body) != "ok" {
		t.Fatalf("the next request: %s %q", got.Status, got.body)
	}
	// net/http's client sends its body only once it is asked to.
	request, _ := http.NewRequest("POST", "http://"+s.addr, bytes.NewReader(noise(1<<20)))
	request.Header.Set("Expect", "100-continue")
	transport := &http.Transport{ExpectContinueTimeout: patience}
	defer transport.CloseIdleConnections()
	r, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if body, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(body, noise(1<<20)) {
		t.Errorf("%s, %d bytes, %v", r.Status, len(body), err)
	}
}

// TestBodyIsTheHandlersOwn keeps bodies while their connection serves others.
func TestBodyIsTheHandlersOwn(t *testing.T) {
	var kept []*Request
	s := start(t, nil, Route{Method: "POST", Path: "/{id}", Handle: func(_ context.Context, r *Request) (*Response, error) {
		kept = append(kept, r)
		return &Response{}, nil
	}})
	l := s.dial()
	for i := range 10 {
		l.send(fmt.Sprintf("POST /id%d?q=q%d HTTP/1.1\r\nHost: localhost\r\nX-I: i%d\r\nContent-Length: 5\r\n\r\nbody%d", i, i, i, i)).receive("POST")
	}
	for i, r := range kept {
		want := strconv.Itoa(i)
		if string(r.Body) != "body"+want || r.Params["id"] != "id"+want || r.Query.Get("q") != "q"+want || r.Header.Get("X-I") != "i"+want || r.Path != "/id"+want {
			t.Errorf("request %d is now %+v %q", i, r, r.Body)
		}
	}
}
