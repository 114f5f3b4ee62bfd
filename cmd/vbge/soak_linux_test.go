package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"vbge/engine/cpu"
)

// soak is a server and clients of all manners, good and bad.
type soak struct {
	server
	t        *testing.T
	pictures [][]byte
	bomb     []byte
	mu       sync.Mutex
	outcomes map[string]int // by what was done and what came of it
}

// deeds are what clients do: the status that each has to get, 0 where it does not wait for one.
var deeds = []struct {
	name string
	want int
	do   func(s *soak, r *rand.Rand) int
}{
	{"texts", 200, func(s *soak, r *rand.Rand) int {
		return s.json("/v1/embeddings", map[string]any{"input": slices.Repeat([]string{fmt.Sprint("a red shoe ", r.IntN(1000))}, 1+r.IntN(20))})
	}},
	{"pair", 200, func(s *soak, r *rand.Rand) int {
		return s.json("/v1/embeddings", map[string]any{"encoding_format": "base64",
			"input": map[string]any{"image": s.picture(r), "text": fmt.Sprint("in colour ", r.IntN(1000))}})
	}},
	{"one item bad", 200, func(s *soak, r *rand.Rand) int {
		return s.json("/embed", map[string]any{"inputs": []any{"a", map[string]any{"image": s.picture(r)[:100]}, "b"}})
	}},
	{"raw picture", 200, func(s *soak, r *rand.Rand) int { return s.send("/embed", "image/jpeg", s.picture(r)) }},
	{"search", 200, func(s *soak, r *rand.Rand) int {
		return s.json("/v1/search", map[string]any{"image": s.picture(r), "text": "as a mug", "panorama": r.IntN(8) == 0})
	}},
	{"not a picture", 400, func(s *soak, r *rand.Rand) int { return s.send("/embed", "image/png", []byte("no picture at all")) }},
	{"not JSON", 400, func(s *soak, r *rand.Rand) int {
		return s.send("/v1/embeddings", "application/json", []byte(`{"input": [`))
	}},
	{"bomb", 413, func(s *soak, r *rand.Rand) int {
		return s.send("/v1/embeddings", "application/json", s.bomb, "Content-Encoding", "gzip")
	}},
	{"nowhere", 404, func(s *soak, r *rand.Rand) int { return s.send("/v1/nothing", "application/json", nil) }},
	{"impatient", 0, func(s *soak, r *rand.Rand) int {
		s.send("/embed", "image/jpeg", s.picture(r), "X-Request-Timeout", fmt.Sprintf("%dms", 1+r.IntN(10)))
		return 0
	}},
	{"leaves", 0, func(s *soak, r *rand.Rand) int { return s.leave(r) }},
	{"garbage", 0, func(s *soak, r *rand.Rand) int {
		c := s.dial()
		defer c.Close()
		line := make([]byte, r.IntN(3000))
		for i := range line {
			line[i] = byte(r.Uint32())
		}
		c.Write(append(line, "\r\n\r\n"...))
		io.Copy(io.Discard, io.LimitReader(c, 1<<16))
		return 0
	}},
}

func (s *soak) picture(r *rand.Rand) []byte { return s.pictures[r.IntN(len(s.pictures))] }

func (s *soak) json(path string, v any) int { return s.send(path, "application/json", encode(s.t, v)) }

func (s *soak) send(path, contentType string, body []byte, header ...string) int {
	request, err := http.NewRequest(http.MethodPost, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return 0
	}
	request.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Error(err)
		return 0
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func (s *soak) dial() net.Conn {
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Error(err)
		return nopConn{}
	}
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

type nopConn struct{ net.Conn }

func (nopConn) Write(p []byte) (int, error) { return len(p), nil }
func (nopConn) Read([]byte) (int, error)    { return 0, io.EOF }
func (nopConn) Close() error                { return nil }

// leave goes away in the middle of the headers, of the body, of the waiting, or of the reply.
func (s *soak) leave(r *rand.Rand) int {
	c := s.dial()
	defer c.Close()
	body := s.picture(r)
	head := fmt.Sprintf("POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", len(body))
	message := append([]byte(head), body...)
	switch r.IntN(4) {
	case 0:
		c.Write(message[:r.IntN(len(head))])
	case 1:
		c.Write(message[:len(head)+r.IntN(len(body))])
	case 2:
		c.Write(message)
	default:
		c.Write(message)
		c.Read(make([]byte, 1))
	}
	if tcp, ok := c.(*net.TCPConn); ok && r.IntN(2) == 0 {
		tcp.SetLinger(0) // a reset instead of an end
	}
	return 0
}

// usage is what must not grow.
type usage struct{ resident, goroutines, descriptors float64 }

// idle is the least that the server uses in some seconds of rest: connections end when their times are over.
func (s *soak) idle() usage {
	least := s.usage()
	for end := time.Now().Add(restTime); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		http.DefaultClient.CloseIdleConnections()
		now := s.usage()
		least = usage{min(least.resident, now.resident), min(least.goroutines, now.goroutines), min(least.descriptors, now.descriptors)}
	}
	return least
}

// restTime is longer than the times that the server has for headers and bodies.
const restTime = 5 * time.Second

func (s *soak) usage() (u usage) {
	response, err := http.Get(s.url + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	value := func(name string) float64 {
		if f := families[name]; f != nil {
			return f.Metric[0].GetGauge().GetValue()
		}
		s.t.Fatalf("no metric %s", name)
		return 0
	}
	return usage{value("process_resident_memory_bytes"), value("go_goroutines"), value("process_open_fds")}
}

// work has many clients do deeds for a while.
func (s *soak) work(d time.Duration, seed uint64) {
	end := time.Now().Add(d)
	var clients sync.WaitGroup
	for i := range 24 {
		clients.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			for time.Now().Before(end) {
				deed := deeds[r.IntN(len(deeds))]
				status := deed.do(s, r)
				// Where the machine is busy, waiting for too long is an honest answer.
				if ok := status == deed.want || status == 503 || status == 429; !ok && deed.want != 0 {
					s.t.Errorf("%s: status %d, want %d", deed.name, status, deed.want)
				}
				s.mu.Lock()
				s.outcomes[fmt.Sprintf("%s %d", deed.name, status)]++
				s.mu.Unlock()
			}
		})
	}
	clients.Wait()
}

// TestServeSoak has clients of all manners at a server for a minute, or for $VBGE_SOAK: what it uses when
// they are gone does not grow.
func TestServeSoak(t *testing.T) {
	d := 5 * time.Second // engine/ref is there to be right, not to serve
	if cpu.Built {
		d = time.Minute
	}
	if given := os.Getenv("VBGE_SOAK"); given != "" {
		var err error
		if d, err = time.ParseDuration(given); err != nil {
			t.Fatal(err)
		}
	}
	shop := newShop(t)
	shop.on(t, "index", shop.images).want(t, 0)
	s := &soak{t: t, outcomes: map[string]int{},
		server: serve(t, "--model", shop.model, "--uri", shop.uri, "--images", shop.images, "--picture-cache-bytes", "1000000",
			"--max-decompressed-bytes", "1000000", "--header-timeout", "1s", "--body-timeout", "2s")}
	files, err := filepath.Glob(filepath.Join(shop.images, "*.jpg"))
	if err != nil || len(files) == 0 {
		t.Fatal("no pictures", err)
	}
	for _, file := range files {
		s.pictures = append(s.pictures, readFile(t, file))
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 20<<20))
	z.Close()
	s.bomb = bomb.Bytes()

	s.work(d/4, 1)
	before := s.idle()
	s.work(d*3/4, 2)
	after := s.idle()
	t.Logf("%v: at first %+v, at the end %+v", d, before, after)
	for _, what := range slices.Sorted(maps.Keys(s.outcomes)) {
		t.Logf("%6d %s", s.outcomes[what], what)
	}
	growth := 64 << 20
	if underRaceDetector() {
		growth *= 4
	}
	if after.resident > before.resident+float64(growth) || after.goroutines > before.goroutines+4 || after.descriptors > before.descriptors+4 {
		t.Error("what the server uses has grown")
	}
	var ready struct{ Status string }
	if err := json.Unmarshal(s.get(t, "/health/ready", http.StatusOK), &ready); err != nil {
		t.Error(err)
	}
	s.stop(t)
}
