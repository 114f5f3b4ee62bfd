package catalog

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestRowsAreCheckedBeforeTheyAreSent(t *testing.T) {
	good := testRows(2)
	if _, err := checkRows(good, testDimension); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		spoil func(*Row)
		want  error
	}{
		"no id":              {func(r *Row) { r.ID = "" }, ErrInvalid},
		"quote in id":        {func(r *Row) { r.ID = `a"b` }, ErrInvalid},
		"long id":            {func(r *Row) { r.ID += "0" }, ErrInvalid},
		"same id twice":      {func(r *Row) { r.ID = good[0].ID }, ErrInvalid},
		"short vector":       {func(r *Row) { r.Vector = r.Vector[1:] }, ErrDimension},
		"infinite":           {func(r *Row) { r.Vector = append([]float32{float32(math.Inf(-1))}, r.Vector[1:]...) }, ErrInvalid},
		"NaN":                {func(r *Row) { r.Vector = append([]float32{float32(math.NaN())}, r.Vector[1:]...) }, ErrInvalid},
		"long path":          {func(r *Row) { r.ImagePath = strings.Repeat("ä", maxPath/2) + "." }, ErrInvalid},
		"path is not UTF-8":  {func(r *Row) { r.ImagePath = "\xff.jpg" }, ErrInvalid},
		"long content hash":  {func(r *Row) { r.ContentHash = strings.Repeat("0", 65) }, ErrInvalid},
		"long source":        {func(r *Row) { r.Source = strings.Repeat("0", 65) }, ErrInvalid},
		"reserved name":      {func(r *Row) { r.Fields = map[string]any{"vector": 1} }, ErrInvalid},
		"name of Milvus":     {func(r *Row) { r.Fields = map[string]any{"$meta": 1} }, ErrInvalid},
		"no JSON":            {func(r *Row) { r.Fields = map[string]any{"f": func() {}} }, ErrInvalid},
		"too large metadata": {func(r *Row) { r.Fields = map[string]any{"f": strings.Repeat("x", maxFields)} }, ErrInvalid},
	} {
		rows := testRows(2)
		test.spoil(&rows[1])
		if _, err := checkRows(rows, testDimension); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestFieldsHash(t *testing.T) {
	hash := func(fields map[string]any) string {
		h, err := FieldsHash(fields)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if hash(nil) != hash(map[string]any{}) {
		t.Error("no metadata has two hashes")
	}
	if hash(map[string]any{"a": 1, "b": 2}) == hash(map[string]any{"a": 1, "b": 3}) {
		t.Error("different metadata has the same hash")
	}
}

func TestBatchesStayBelowTheLimits(t *testing.T) {
	rows := testRows(2500)
	metadata, err := checkRows(rows, testDimension)
	if err != nil {
		t.Fatal(err)
	}
	if n := batch(rows, metadata); n != maxBatchRows {
		t.Errorf("a batch of small rows has %d, want %d", n, maxBatchRows)
	}
	for i := range metadata {
		metadata[i] = make([]byte, maxFields)
	}
	if n := batch(rows, metadata); n < 200 || n > maxBatchBytes/maxFields {
		t.Errorf("a batch of rows with 64 KiB of metadata has %d", n)
	}
	metadata[0] = make([]byte, 2*maxBatchBytes)
	if n := batch(rows, metadata); n != 1 {
		t.Errorf("a row larger than a batch: %d, want 1", n)
	}
}
