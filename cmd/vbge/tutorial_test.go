package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// hosts stand in for GitHub and Hugging Face with small files under the tutorial's names: the tiny
// checkpoint, its vocabulary, and an archive of golden pictures.
type hosts struct {
	*httptest.Server
	files    map[string][]byte // by base name
	mu       sync.Mutex
	requests []string
}

func newHosts(t *testing.T) *hosts {
	h := &hosts{files: map[string][]byte{
		"amazon_reviews_2023_subset.tar.gz": tutorialArchive(t),
		"Visualized_base_en_v1.5.pth":       readFile(t, reference+"golden/checkpoints/tiny.pth"),
		"vocab.txt":                         readFile(t, reference+"tiny_vocab.txt"),
	}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := h.files[path.Base(r.URL.Path)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h.mu.Lock()
		h.requests = append(h.requests, r.URL.Path)
		h.mu.Unlock()
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(h.Close)
	return h
}

// catalogued are the golden pictures that stand in for the tutorial's nine hundred.
var catalogued = []string{"rgb.png", "rgba.png", "gray16.png", "palette_4bit.png", "rgb16.png", "small_3x5.png",
	"wide_1000x37.png", "animated.gif", "rgb.bmp", "bilevel.png"}

func tutorialArchive(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	archive := tar.NewWriter(z)
	add := func(name string, content []byte) {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		archive.Write(content)
	}
	add("images_folder/leopard.jpg", readFile(t, demoData+"leopard.jpg"))
	for _, name := range catalogued {
		add("images_folder/images/"+name, readFile(t, imagePath(name)))
	}
	add("images_folder/images/broken.jpg", []byte("no picture"))
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestTutorial runs the tutorial on stand-ins: neither host can be reached from where this is tested.
func TestTutorial(t *testing.T) {
	needMilvus(t)
	h, dir := newHosts(t), filepath.Join(t.TempDir(), "tutorial")
	sum := sha256.Sum256(h.files["vocab.txt"])
	args := []string{"tutorial", "--dir", dir, "--github", h.URL, "--huggingface", h.URL, "--vocab-sha256", hex.EncodeToString(sum[:])}
	panorama := filepath.Join(dir, "combined_image.jpg")

	o := vbge(t, args...).want(t, 0, "SHA-256 ", "assumed ", "11 pictures: 10 embedded", "1 skipped", "broken.jpg", "panorama: "+panorama, "KiB/s")
	if found := strings.Count(o.out, filepath.Join(dir, "images_folder", "images")); found != 9 {
		t.Errorf("%d results:\n%s", found, o.out)
	}
	if strings.Contains(o.out, "reranked") {
		t.Errorf("no key, and yet: %s", o.out)
	}
	wantPanorama(t, panorama)
	slices.Sort(h.requests)
	if want := []string{
		"/BAAI/bge-base-en-v1.5/resolve/main/vocab.txt",
		"/BAAI/bge-visualized/resolve/main/Visualized_base_en_v1.5.pth",
		"/milvus-io/bootcamp/releases/download/data/amazon_reviews_2023_subset.tar.gz",
	}; !slices.Equal(h.requests, want) {
		t.Errorf("requests %q, want %q", h.requests, want)
	}

	t.Run("again, with a key", func(t *testing.T) {
		server := newLLM(t, says("Ranked list: [4, 0, 1, 2, 3, 5, 6, 7, 8] Reasons: it is the nicest."))
		t.Setenv("OPENAI_API_KEY", key)
		t.Setenv("OPENAI_BASE_URL", server.URL+"/v1")
		o := vbge(t, args...).want(t, 0, "0 embedded", "10 unchanged", "best: 4", "it is the nicest")
		if strings.Contains(o.out, "assumed ") || len(h.requests) != 3 {
			t.Errorf("it began anew, requests %q:\n%s", h.requests, o.out)
		}
	})
	t.Run("on a terminal", func(t *testing.T) { // which shows both outputs
		var both bytes.Buffer
		run(t.Context(), append(args, "--dir", filepath.Join(t.TempDir(), "tutorial")), strings.NewReader(""), &both, &both)
		for line := range strings.Lines(both.String()) {
			if strings.Contains(line, "KiB/s") && strings.Contains(line, "SHA-256") {
				t.Errorf("a line of the log is behind the bar: %q", line)
			}
		}
	})
	t.Run("another vocabulary", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "tutorial")
		vbge(t, "tutorial", "--dir", dir, "--github", h.URL, "--huggingface", h.URL).want(t, 3, "wrong SHA-256")
	})
	t.Run("host gone", func(t *testing.T) {
		delete(h.files, "Visualized_base_en_v1.5.pth")
		dir := filepath.Join(t.TempDir(), "tutorial")
		vbge(t, append(args, "--dir", dir)...).want(t, 3, "404")
	})
}
