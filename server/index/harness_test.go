package index

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vbge/server/catalog"
	"vbge/server/catalog/milvustest"
)

const dimension = 16

// hashEmbedder gives every content a direction of its own. Content that begins
// with "broken" is no picture.
type hashEmbedder struct {
	mu    sync.Mutex
	seen  []string // contents in order
	calls int
	hook  func(call int) error // before a call, may be nil
}

var errBroken = errors.New("this is no picture")

func (e *hashEmbedder) EmbedPictures(ctx context.Context, files [][]byte) ([][]float32, []error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	vectors, errs := make([][]float32, len(files)), make([]error, len(files))
	e.calls++
	var fault error
	if e.hook != nil {
		fault = e.hook(e.calls)
	}
	for i, data := range files {
		e.seen = append(e.seen, string(data))
		if errs[i] = errors.Join(fault, ctx.Err()); strings.HasPrefix(string(data), "broken") {
			errs[i] = errBroken
		}
		vectors[i] = vectorOf(string(data))
	}
	return vectors, errs
}

func vectorOf(content string) []float32 {
	sum := sha256.Sum256([]byte(content))
	vector := make([]float32, dimension)
	for i := range vector {
		vector[i] = float32(int8(sum[i])) + 0.5
	}
	return vector
}

func TestMain(m *testing.M) { os.Exit(milvustest.Main(m.Run)) }

// openCatalog opens a fresh catalogue: a .db, or a collection of the server at $VBGE_TEST_MILVUS if that is set.
func openCatalog(t *testing.T) catalog.Catalog {
	t.Helper()
	if _, err := catalog.FindBinary(); errors.Is(err, catalog.ErrNoBinary) {
		t.Skip("run make setup: it brings in milvus-lite")
	}
	o := catalog.Options{URI: filepath.Join(t.TempDir(), "catalog.db"), Model: "hash", Dimension: dimension, Write: true}
	if uri := os.Getenv(milvustest.URIVariable); uri != "" {
		o.URI, o.Collection = uri, fmt.Sprintf("c%d", time.Now().UnixNano())
	}
	c, err := catalog.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// tree writes files of these contents and returns their folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// mustRun indexes and returns the report and the contents that were embedded.
func mustRun(t *testing.T, o Options) (Report, []string) {
	t.Helper()
	embedder := &hashEmbedder{}
	o.Embedder = embedder
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(embedder.seen)
	return report, embedder.seen
}

// counts is a report without the list of skipped files.
type counts struct{ found, unchanged, written, embedded, pruned, skipped int }

func (r Report) counts() counts {
	return counts{r.Found, r.Unchanged, r.Written, r.Embedded, r.Pruned, len(r.Skipped)}
}

// rows returns the content that each image path is found by, having checked
// that its vector is that content's.
func rows(t *testing.T, c catalog.Catalog, contents ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	byHash := map[string]string{}
	for _, content := range contents {
		byHash[hash([]byte(content))] = content
	}
	for entry, err := range c.Entries(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if entry.ID != hash([]byte(entry.ImagePath)) {
			t.Errorf("id of %s is %s", entry.ImagePath, entry.ID)
		}
		content, known := byHash[entry.ContentHash]
		if !known {
			t.Errorf("%s has the hash of none of the contents", entry.ImagePath)
		}
		vectors, err := c.Vectors(t.Context(), []string{entry.ID})
		if err != nil || !slices.Equal(vectors[entry.ID], vectorOf(content)) {
			t.Errorf("the vector of %s is not that of %q (%v)", entry.ImagePath, content, err)
		}
		found[entry.ImagePath] = content
	}
	return found
}
