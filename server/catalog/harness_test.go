package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vbge/server/catalog/milvustest"
)

const testDimension = 16

// testBinary returns the milvus-lite executable, or skips the test.
func testBinary(t testing.TB) string {
	t.Helper()
	binary, err := FindBinary()
	if errors.Is(err, ErrNoBinary) {
		t.Skip("run make setup: it brings in milvus-lite")
	}
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// writer are the options of a fresh catalogue that can be written: a .db, or a
// collection of the server at $VBGE_TEST_MILVUS if that is set.
func writer(t testing.TB) Options {
	uri := os.Getenv(milvustest.URIVariable)
	if uri == "" {
		return liteWriter(t)
	}
	return Options{
		URI: uri, Collection: fmt.Sprintf("%s_%d", t.Name(), time.Now().UnixNano()),
		Model: "test model", Dimension: testDimension, Write: true,
	}
}

func liteWriter(t testing.TB) Options {
	return Options{
		URI: filepath.Join(t.TempDir(), "catalog.db"), Binary: testBinary(t),
		Collection: DefaultCollection, Model: "test model", Dimension: testDimension, Write: true,
	}
}

func mustOpen(t testing.TB, o Options) Catalog {
	t.Helper()
	c, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return c
}

func mustUpsert(t testing.TB, c Catalog, rows []Row) {
	t.Helper()
	if err := c.Upsert(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

// testRows are n rows with random vectors that are not normalised.
func testRows(n int) []Row {
	random := rand.New(rand.NewPCG(1, 2))
	rows := make([]Row, n)
	for i := range rows {
		vector := make([]float32, testDimension)
		for j := range vector {
			vector[j] = float32(random.NormFloat64()) * float32(1+i%5)
		}
		rows[i] = Row{
			ID: fmt.Sprintf("%064x", i*7919%n), ImagePath: fmt.Sprintf("images/%04d.jpg", i), Vector: vector,
			ContentHash: fmt.Sprintf("content-%d", i), Source: "test",
			Fields: map[string]any{"kind": []string{"shoe", "bag", "lamp"}[i%3], "number": i},
		}
	}
	return rows
}

// bruteForce is the truth: ids and cosines in float64, best first.
func bruteForce(rows []Row, query []float32, limit int, keep func(Row) bool) (ids []string, scores []float64) {
	type scored struct {
		id    string
		score float64
	}
	var all []scored
	for _, row := range rows {
		if keep == nil || keep(row) {
			all = append(all, scored{row.ID, cosine(row.Vector, query)})
		}
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	for _, s := range all[:min(limit, len(all))] {
		ids, scores = append(ids, s.id), append(scores, s.score)
	}
	return ids, scores
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

func entries(t testing.TB, c Catalog) []Entry {
	t.Helper()
	var all []Entry
	for entry, err := range c.Entries(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry)
	}
	return all
}

func mustCount(t testing.TB, c Catalog, want int) {
	t.Helper()
	if got, err := c.Count(context.Background()); err != nil || got != want {
		t.Fatalf("count is %d (%v), want %d", got, err, want)
	}
}
