package tutorial

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// host stands in for GitHub and Hugging Face: small files of the same names, and faults on demand.
type host struct {
	*httptest.Server
	mu       sync.Mutex
	files    map[string][]byte
	requests []string                                                 // "name" or "name bytes=5-"
	fault    func(n int, w http.ResponseWriter, r *http.Request) bool // says whether it has answered request n of a file
	counts   map[string]int
}

func newHost(t *testing.T) *host {
	h := &host{counts: map[string]int{}, files: map[string][]byte{
		vocabPath:   []byte("[PAD]\n[UNK]\n"),
		weightsPath: bytes.Repeat([]byte("weights "), 10_000),
		archivePath: pictureArchive(t),
	}}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	content, found := h.files[r.URL.Path]
	h.requests = append(h.requests, strings.TrimSpace(path.Base(r.URL.Path)+" "+r.Header.Get("Range")))
	n := h.counts[r.URL.Path]
	h.counts[r.URL.Path]++
	fault := h.fault
	h.mu.Unlock()
	if !found {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"`+sumOf(content)[:16]+`"`)
	if fault == nil || !fault(n, w, r) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// cut sends the first bytes of a whole answer and drops the connection.
func cut(w http.ResponseWriter, content []byte, bytes int) {
	w.Header().Set("Content-Length", "80000")
	w.Write(content[:bytes])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func (h *host) options(dir string) Options {
	return Options{Dir: dir, GitHub: h.URL, HuggingFace: h.URL, VocabSHA256: sumOf([]byte("[PAD]\n[UNK]\n")),
		Pause: time.Millisecond, Stall: 5 * time.Second}
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func expectFile(t *testing.T, file string, want []byte) {
	t.Helper()
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes (error %v), want %d others", file, len(got), err, len(want))
	}
}

func TestFetch(t *testing.T) {
	h, dir := newHost(t), filepath.Join(t.TempDir(), "new")
	options := h.options(dir)
	var log bytes.Buffer
	last := map[string][2]int64{}
	options.Log = &log
	options.Progress = func(name string, done, total int64) { last[name] = [2]int64{done, total} }
	got, err := Fetch(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	want := Files{
		Weights: filepath.Join(dir, "Visualized_base_en_v1.5.pth"), Vocab: filepath.Join(dir, "vocab.txt"),
		Root: filepath.Join(dir, "images_folder"), Images: filepath.Join(dir, "images_folder", "images"),
		Query: filepath.Join(dir, "images_folder", "leopard.jpg"),
	}
	if got != want {
		t.Errorf("files %+v, want %+v", got, want)
	}
	expectFile(t, got.Weights, h.files[weightsPath])
	expectFile(t, got.Vocab, h.files[vocabPath])
	expectFile(t, got.Query, []byte("a leopard"))
	expectFile(t, filepath.Join(got.Images, "B01.jpg"), []byte("a phone"))

	var sums strings.Builder
	for _, p := range []string{weightsPath, archivePath, vocabPath} {
		line := sumOf(h.files[p]) + "  " + path.Base(p) + "\n"
		sums.WriteString(line)
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log lacks %q:\n%s", line, &log)
		}
		if size := int64(len(h.files[p])); last[path.Base(p)] != [2]int64{size, size} {
			t.Errorf("last progress of %s is %v, want %d of %d", p, last[path.Base(p)], size, size)
		}
	}
	expectFile(t, filepath.Join(dir, "SHA256SUMS"), []byte(sums.String()))
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	if _, err := Fetch(t.Context(), options); err != nil {
		t.Fatalf("second run: %v", err)
	}
	if len(h.requests) != 3 {
		t.Errorf("after two runs the requests are %v, want one a file", h.requests)
	}
}

func TestFetchChecksSums(t *testing.T) {
	t.Run("known sum", func(t *testing.T) {
		h, dir := newHost(t), t.TempDir()
		right := h.files[vocabPath]
		h.files[vocabPath] = []byte("an error page")
		_, err := Fetch(t.Context(), h.options(dir))
		if !errors.Is(err, ErrSum) || !strings.Contains(err.Error(), sumOf(right)) {
			t.Fatalf("error %v, want ErrSum with the expected sum", err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
		h.files[vocabPath] = right
		if _, err := Fetch(t.Context(), h.options(dir)); err != nil {
			t.Errorf("once the server is right again: %v", err)
		}
	})
	t.Run("file changed on disk", func(t *testing.T) {
		h, dir := newHost(t), t.TempDir()
		files, err := Fetch(t.Context(), h.options(dir))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(files.Weights, []byte("changed"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err = Fetch(t.Context(), h.options(dir)); !errors.Is(err, ErrSum) || !strings.Contains(err.Error(), files.Weights) {
			t.Errorf("error %v, want ErrSum naming the file", err)
		}
		expectFile(t, files.Weights, []byte("changed")) // the user's to remove
	})
	t.Run("file changed on the server", func(t *testing.T) {
		h, dir := newHost(t), t.TempDir()
		files, err := Fetch(t.Context(), h.options(dir))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(files.Weights); err != nil {
			t.Fatal(err)
		}
		h.files[weightsPath] = []byte("released anew")
		if _, err = Fetch(t.Context(), h.options(dir)); !errors.Is(err, ErrSum) || !strings.Contains(err.Error(), sumsName) {
			t.Errorf("error %v, want ErrSum: another sum is recorded", err)
		}
		if err := os.Remove(filepath.Join(dir, sumsName)); err != nil {
			t.Fatal(err)
		}
		if _, err = Fetch(t.Context(), h.options(dir)); err != nil {
			t.Errorf("without the recorded sum: %v", err)
		}
	})
	t.Run("damaged record", func(t *testing.T) {
		h, dir := newHost(t), t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, sumsName), []byte("hello\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Fetch(t.Context(), h.options(dir)); err == nil || !strings.Contains(err.Error(), sumsName) {
			t.Errorf("error %v, want one about %s", err, sumsName)
		}
	})
}

func TestFetchRealVocabularySumIsTheDefault(t *testing.T) {
	h := newHost(t)
	options := h.options(t.TempDir())
	options.VocabSHA256 = ""
	if _, err := Fetch(t.Context(), options); !errors.Is(err, ErrSum) || !strings.Contains(err.Error(), VocabSHA256) {
		t.Errorf("error %v, want ErrSum with %s", err, VocabSHA256)
	}
}

func TestFetchArchiveThatIsNone(t *testing.T) {
	h, dir := newHost(t), t.TempDir()
	archive := h.files[archivePath]
	h.files[archivePath] = []byte("<html>please sign in</html>")
	_, err := Fetch(t.Context(), h.options(dir))
	if !errors.Is(err, ErrArchive) || !strings.Contains(err.Error(), "remove it and its line in SHA256SUMS") {
		t.Fatalf("error %v, want ErrArchive and what to do", err)
	}
	h.files[archivePath] = archive
	for _, name := range []string{path.Base(archivePath), sumsName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Fetch(t.Context(), h.options(dir)); err != nil {
		t.Errorf("after doing so: %v", err)
	}
}

func TestFetchInterrupted(t *testing.T) {
	h, dir := newHost(t), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	options := h.options(dir)
	options.Progress = func(name string, done, _ int64) {
		if name == path.Base(weightsPath) {
			cancel()
		}
	}
	if _, err := Fetch(ctx, options); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want an interruption", err)
	}
	options.Progress = nil
	if _, err := Fetch(t.Context(), options); err != nil {
		t.Fatalf("run after the interruption: %v", err)
	}
}
