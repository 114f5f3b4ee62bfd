package tutorial

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func newDownloader() *downloader {
	return &downloader{client: &http.Client{CheckRedirect: refuseDowngrade}, stall: 5 * time.Second, pause: time.Millisecond,
		log: io.Discard, progress: func(string, int64, int64) {}}
}

func TestDownloadResumes(t *testing.T) {
	type fault = func(h *host, n int, w http.ResponseWriter, r *http.Request) bool
	name := "Visualized_base_en_v1.5.pth"
	tests := map[string]struct {
		part     int    // bytes that an earlier run left
		before   string // the validator that it left, of another version
		fault    fault
		requests []string
	}{
		"nothing there": {requests: []string{name}},
		"cut twice": {
			fault: func(h *host, n int, w http.ResponseWriter, r *http.Request) bool {
				switch n {
				case 0:
					cut(w, h.files[weightsPath], 20_000)
				case 1:
					h.dropAfter(w, r, 30_000)
				}
				return false
			},
			requests: []string{name, name + " bytes=20000-", name + " bytes=30000-"},
		},
		"earlier run":                     {part: 12_345, requests: []string{name + " bytes=12345-"}},
		"earlier run had all":             {part: 80_000, requests: []string{name + " bytes=80000-"}},
		"earlier run had more":            {part: 80_001, requests: []string{name + " bytes=80001-", name}},
		"earlier run of another version":  {before: `"another"`, part: 12_345, requests: []string{name + " bytes=12345-"}},
		"earlier run of a longer version": {before: `"another"`, part: 90_000, requests: []string{name + " bytes=90000-"}},
		"cut more often than it may fail without progress": {
			fault: func(h *host, n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 0 {
					cut(w, h.files[weightsPath], 10_000)
				}
				h.dropAfter(w, r, 10_000*(n+1))
				return true
			},
			requests: []string{name, name + " bytes=10000-", name + " bytes=20000-", name + " bytes=30000-",
				name + " bytes=40000-", name + " bytes=50000-", name + " bytes=60000-", name + " bytes=70000-"},
		},
		"slow but steady": {requests: []string{name},
			fault: func(h *host, n int, w http.ResponseWriter, r *http.Request) bool {
				for i := range 8 { // 0.8 s in all, where 0.5 s of silence would end it
					w.Write(h.files[weightsPath][i*10_000 : (i+1)*10_000])
					w.(http.Flusher).Flush()
					time.Sleep(100 * time.Millisecond)
				}
				return true
			}},
		"server without Range": {part: 12_345, requests: []string{name + " bytes=12345-"},
			fault: func(h *host, n int, w http.ResponseWriter, r *http.Request) bool {
				w.Write(h.files[weightsPath])
				return true
			}},
		"server that sends other bytes than asked for": {part: 12_345, requests: []string{name + " bytes=12345-", name},
			fault: func(h *host, n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 0 {
					r.Header.Set("Range", "bytes=5-")
				}
				return false
			}},
		"busy, then broken": {requests: []string{name, name, name},
			fault: func(h *host, n int, w http.ResponseWriter, r *http.Request) bool {
				if n < 2 {
					w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusBadGateway}[n])
				}
				return n < 2
			}},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			h, part := newHost(t), filepath.Join(t.TempDir(), "weights.part")
			content := h.files[weightsPath]
			if test.fault != nil {
				h.fault = func(n int, w http.ResponseWriter, r *http.Request) bool { return test.fault(h, n, w, r) }
			}
			if test.part > 0 {
				earlier := slices.Concat(content, make([]byte, 20_000))[:test.part]
				if test.before != "" {
					earlier = bytes.Repeat([]byte("y"), test.part)
				}
				if err := os.WriteFile(part, earlier, 0o644); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(validatorOf(part), []byte(test.before), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			d := newDownloader()
			d.stall = 500 * time.Millisecond
			if err := d.download(t.Context(), source{url: h.URL + weightsPath, limit: 80_001}, part); err != nil {
				t.Fatal(err)
			}
			expectFile(t, part, content)
			if !slices.Equal(h.requests, test.requests) {
				t.Errorf("requests %q, want %q", h.requests, test.requests)
			}
		})
	}
}

// dropAfter answers a range honestly but only up to the given byte of the file.
func (h *host) dropAfter(w http.ResponseWriter, r *http.Request, last int) {
	var first int
	fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &first)
	content := h.files[r.URL.Path]
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, len(content)-1, len(content)))
	w.Header().Set("Content-Length", fmt.Sprint(len(content)-first))
	w.WriteHeader(http.StatusPartialContent)
	w.Write(content[first:last])
	w.(http.Flusher).Flush()
	if last < len(content) {
		panic(http.ErrAbortHandler)
	}
}

func TestDownloadGivesUp(t *testing.T) {
	tests := map[string]struct {
		path     string
		limit    int64
		fault    func(n int, w http.ResponseWriter, r *http.Request) bool
		says     string
		requests int
	}{
		"missing":   {path: "/none", limit: 1e6, says: "404 Not Found", requests: 1},
		"too large": {path: weightsPath, limit: 79_999, says: "79999", requests: 1},
		"never better": {path: weightsPath, limit: 1e6, says: "503", requests: maxFailures, fault: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}},
		"too large, unannounced": {path: weightsPath, limit: 79_999, says: "larger than", requests: 1, fault: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.(http.Flusher).Flush()
			io.WriteString(w, strings.Repeat("x", 80_000))
			return true
		}},
		"silent": {path: weightsPath, limit: 1e6, says: "nothing received for 50ms", requests: maxFailures, fault: func(_ int, w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		}},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			h, d := newHost(t), newDownloader()
			h.fault = test.fault
			d.stall = 50 * time.Millisecond
			err := d.download(t.Context(), source{url: h.URL + test.path, limit: test.limit}, filepath.Join(t.TempDir(), "f.part"))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one that says %q", err, test.says)
			}
			if len(h.requests) != test.requests {
				t.Errorf("%d requests, want %d", len(h.requests), test.requests)
			}
		})
	}
}

func TestRefuseDowngrade(t *testing.T) {
	request := func(address string) *http.Request {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Request{URL: u}
	}
	for _, test := range []struct {
		from, to string
		refused  bool
	}{
		{"https://a/x", "https://b/y", false}, {"http://a/x", "http://b/y", false},
		{"http://a/x", "https://b/y", false}, {"https://a/x", "http://a/x", true},
	} {
		err := refuseDowngrade(request(test.to), []*http.Request{request(test.from)})
		if (err != nil) != test.refused {
			t.Errorf("%s to %s: %v", test.from, test.to, err)
		}
	}
	if refuseDowngrade(request("http://a"), slices.Repeat([]*http.Request{request("http://a")}, 10)) == nil {
		t.Error("the eleventh request is allowed")
	}
}

func TestContentRange(t *testing.T) {
	for header, want := range map[string][2]int64{
		"bytes 5-9/10": {5, 10}, "bytes 5-9/*": {5, 10}, "bytes */10": {-1, 10},
		"": {-1, -1}, "bytes 5-": {-1, -1}, "items 1-2/3": {-1, -1},
	} {
		first, total := contentRange(&http.Response{Header: http.Header{"Content-Range": {header}}})
		if got := [2]int64{first, total}; got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
