package items

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vbge/engine"
	"vbge/engine/pixels"
	"vbge/server/catalog"
)

const dimension = 16

// png is a file that is a PNG by its first bytes; one that says broken cannot be embedded.
func png(content string) []byte { return []byte("\x89PNG\r\n\x1a\n" + content) }

func vectorOf(file []byte) []float32 {
	sum := sha256.Sum256(file)
	vector := make([]float32, dimension)
	for i := range vector {
		vector[i] = float32(int8(sum[i])) + 0.5
	}
	return vector
}

// model embeds, and counts how often each file was.
type model struct {
	mu    sync.Mutex
	seen  map[string]int
	err   error                     // of every call
	enter func(ctx context.Context) // called in every call, may be nil
}

func (m *model) embed(ctx context.Context, inputs []engine.Input) ([]engine.Result, error) {
	if m.enter != nil {
		m.enter(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := cmp.Or(m.err, ctx.Err()); err != nil {
		return nil, err
	}
	results := make([]engine.Result, len(inputs))
	for i, in := range inputs {
		if m.seen == nil {
			m.seen = map[string]int{}
		}
		m.seen[string(in.Image)]++
		if strings.Contains(string(in.Image), "broken") {
			results[i].Err = fmt.Errorf("decode PNG: %w", pixels.ErrFormat)
			continue
		}
		results[i].Embedding = vectorOf(in.Image)
	}
	return results, nil
}

func (m *model) embedded(file []byte) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[string(file)]
}

// memory is a catalogue without Milvus.
type memory struct {
	catalog.Catalog // methods that the store does not call stay nil

	mu      sync.Mutex
	rows    map[string]catalog.Row
	finding error // of the next calls of Find
	writing error // of the next calls of Upsert and Delete
	lost    bool  // they happen all the same
	foreign bool
}

var errMilvus = fmt.Errorf("%w: it fell over", catalog.ErrUnreachable)

func (m *memory) Info() catalog.Info {
	if m.foreign {
		return catalog.Info{Dimension: dimension}
	}
	return catalog.Info{Model: "hash", Dimension: dimension}
}

func (m *memory) Find(ctx context.Context, ids []string) (map[string]catalog.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := cmp.Or(m.finding, ctx.Err()); err != nil {
		return nil, err
	}
	found := map[string]catalog.Entry{}
	for _, id := range ids {
		if row, ok := m.rows[id]; ok {
			hash, err := catalog.FieldsHash(row.Fields)
			if err != nil {
				return nil, err
			}
			found[id] = catalog.Entry{ID: id, ImagePath: row.ImagePath, ContentHash: row.ContentHash, FieldsHash: hash, Source: row.Source}
		}
	}
	return found, nil
}

func (m *memory) Vectors(_ context.Context, ids []string) (map[string][]float32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	vectors := map[string][]float32{}
	for _, id := range ids {
		if row, ok := m.rows[id]; ok {
			vectors[id] = row.Vector
		}
	}
	return vectors, nil
}

func (m *memory) Upsert(ctx context.Context, rows []catalog.Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := cmp.Or(m.writing, ctx.Err())
	if err == nil || m.lost {
		if m.rows == nil {
			m.rows = map[string]catalog.Row{}
		}
		for _, row := range rows {
			m.rows[row.ID] = row
		}
	}
	return err
}

func (m *memory) Delete(ctx context.Context, ids []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := cmp.Or(m.writing, ctx.Err())
	if err == nil || m.lost {
		for _, id := range ids {
			delete(m.rows, id)
		}
	}
	return err
}

func (m *memory) all() map[string]catalog.Row {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.rows)
}

// world is a store in a folder of its own.
type world struct {
	*Store
	model  *model
	memory *memory
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{model: &model{}, memory: &memory{}}
	w.Store = mustOpen(t, Options{Dir: filepath.Join(t.TempDir(), "items"), Catalog: w.memory, Embed: w.model.embed})
	return w
}

func mustOpen(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mustAdd adds pictures, all of which are good.
func mustAdd(t *testing.T, s *Store, news ...New) []Added {
	t.Helper()
	added, err := s.Add(t.Context(), news)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range added {
		if a.Err != nil {
			t.Fatalf("picture %d: %v", i, a.Err)
		}
	}
	return added
}

// openLite opens a real catalogue.
func openLite(t *testing.T) catalog.Catalog {
	t.Helper()
	if _, err := catalog.FindBinary(); errors.Is(err, catalog.ErrNoBinary) {
		t.Skip("run make setup: it brings in milvus-lite")
	}
	c, err := catalog.Open(t.Context(), catalog.Options{
		URI: filepath.Join(t.TempDir(), "catalog.db"), Model: "hash", Dimension: dimension, Write: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// tree returns the files below a folder by path, whatever they are called.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func write(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
