package catalog

import "testing"

// Rows of 768 values, as of the base model.
func benchmarkRows(n int) []Row {
	rows := testRows(n)
	for i := range rows {
		vector := make([]float32, 0, 768)
		for len(vector) < cap(vector) {
			vector = append(vector, rows[i].Vector...)
		}
		vector[i%768] += 1
		rows[i].Vector = vector
	}
	return rows
}

func benchmarkCatalog(b *testing.B) Catalog {
	o := liteWriter(b)
	o.Dimension = 768
	return mustOpen(b, o)
}

func BenchmarkOpen(b *testing.B) {
	o := liteWriter(b)
	b.ReportAllocs()
	for b.Loop() {
		c, err := Open(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

func BenchmarkUpsert1000(b *testing.B) {
	c, rows := benchmarkCatalog(b), benchmarkRows(1000)
	b.ReportAllocs()
	for b.Loop() {
		mustUpsert(b, c, rows)
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkSearch9Of10000(b *testing.B) {
	c, rows := benchmarkCatalog(b), benchmarkRows(10000)
	mustUpsert(b, c, rows)
	b.ReportAllocs()
	for b.Loop() {
		if hits, err := c.Search(b.Context(), rows[7].Vector, 9, ""); err != nil || len(hits) != 9 {
			b.Fatal(len(hits), err)
		}
	}
}
