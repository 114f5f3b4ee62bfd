package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

func TestSearchAgreesWithBruteForce(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, writer(t))
	rows := testRows(500)
	mustUpsert(t, c, rows)
	number := func(row Row) int { return row.Fields["number"].(int) }
	for _, test := range []struct {
		filter string
		keep   func(Row) bool
	}{
		{"", nil},
		{`kind == "shoe"`, func(r Row) bool { return r.Fields["kind"] == "shoe" }},
		{`kind in ["bag", "lamp"] and number < 100`, func(r Row) bool { return r.Fields["kind"] != "shoe" && number(r) < 100 }},
		{`image_path like "images/000%"`, func(r Row) bool { return strings.HasPrefix(r.ImagePath, "images/000") }},
		{`kind == "hat"`, func(Row) bool { return false }},
		{`absent == 1`, func(Row) bool { return false }},
	} {
		query := testRows(3)[2].Vector
		hits, err := c.Search(t.Context(), query, 9, test.filter)
		if err != nil {
			t.Fatalf("filter %q: %v", test.filter, err)
		}
		ids, scores := bruteForce(rows, query, 9, test.keep)
		if len(hits) != len(ids) {
			t.Fatalf("filter %q: %d hits, want %d", test.filter, len(hits), len(ids))
		}
		for i, hit := range hits {
			if far := math.Abs(float64(hit.Score) - scores[i]); hit.ID != ids[i] || far > 1e-6 {
				t.Errorf("filter %q, rank %d: %s %.7f, want %s %.7f (%.1e off)", test.filter, i, hit.ID[58:], hit.Score, ids[i][58:], scores[i], far)
			}
			at := slices.IndexFunc(rows, func(r Row) bool { return r.ID == hit.ID })
			want := map[string]any{"kind": rows[at].Fields["kind"], "number": json.Number(fmt.Sprint(rows[at].Fields["number"]))}
			if hit.ImagePath != rows[at].ImagePath || !reflect.DeepEqual(hit.Fields, want) {
				t.Errorf("hit %d is %s %v, want %s %v", i, hit.ImagePath, hit.Fields, rows[at].ImagePath, want)
			}
		}
	}
}

func TestBadSearches(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, writer(t))
	rows := testRows(10)
	mustUpsert(t, c, rows)
	nan := slices.Clone(rows[0].Vector)
	nan[3] = float32(math.NaN())
	for name, test := range map[string]struct {
		vector []float32
		limit  int
		filter string
		want   error
	}{
		"short vector":   {rows[0].Vector[:8], 9, "", ErrDimension},
		"NaN":            {nan, 9, "", ErrInvalid},
		"zero":           {make([]float32, testDimension), 9, "", ErrInvalid},
		"limit 0":        {rows[0].Vector, 0, "", ErrInvalid},
		"limit too high": {rows[0].Vector, 16385, "", ErrInvalid},
		"broken filter":  {rows[0].Vector, 9, `kind ==`, ErrFilter},
		"not a boolean":  {rows[0].Vector, 9, `kind`, ErrFilter},
		"unknown call":   {rows[0].Vector, 9, `frobnicate(kind)`, ErrFilter},
	} {
		hits, err := c.Search(t.Context(), test.vector, test.limit, test.filter)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %d hits, error %v; want %v", name, len(hits), err, test.want)
		}
	}
}

func TestRowsSurviveRestartAndAreReplaced(t *testing.T) {
	t.Parallel()
	o := writer(t)
	rows := testRows(2500) // three batches of upserts
	c := mustOpen(t, o)
	mustUpsert(t, c, rows)
	rows[7].Fields = map[string]any{"kind": "hat", "deep": map[string]any{"list": []any{"a", 1.5}}, "Größe": `"ü"`}
	rows[7].ContentHash = "changed"
	mustUpsert(t, c, rows[7:8])
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}

	o.Write = false
	c = mustOpen(t, o)
	if got, want := c.Info(), (Info{o.Collection, "test model", testDimension}); got != want {
		t.Errorf("info after restart is %+v, want %+v", got, want)
	}
	mustCount(t, c, len(rows))
	byID := map[string]Row{}
	for _, row := range rows {
		byID[row.ID] = row
	}
	got := entries(t, c)
	if len(got) != len(rows) || !slices.IsSortedFunc(got, func(a, b Entry) int { return strings.Compare(a.ID, b.ID) }) {
		t.Fatalf("%d entries, want %d in the order of ids", len(got), len(rows))
	}
	for _, entry := range got {
		row := byID[entry.ID]
		hash, err := FieldsHash(row.Fields)
		if want := (Entry{row.ID, row.ImagePath, row.ContentHash, hash, row.Source}); err != nil || entry != want {
			t.Fatalf("entry is %+v (%v), want %+v", entry, err, want)
		}
	}
	hits, err := c.Search(t.Context(), rows[7].Vector, 2, `kind == "hat"`)
	if err != nil || len(hits) != 1 {
		t.Fatalf("search by new metadata: %v, %v", hits, err)
	}
	if text := fmt.Sprint(hits[0].Fields); text != `map[Größe:"ü" deep:map[list:[a 1.5]] kind:hat]` {
		t.Errorf("metadata came back as %s", text)
	}

	var ids []string
	for _, row := range rows[:1100] {
		ids = append(ids, row.ID)
	}
	if none, err := c.Vectors(t.Context(), []string{"absent"}); err != nil || len(none) != 0 {
		t.Errorf("vectors of an absent row: %v, %v", none, err)
	}
	if none, err := c.Find(t.Context(), []string{"absent"}); err != nil || len(none) != 0 {
		t.Errorf("an absent row: %v, %v", none, err)
	}
	vectors, err := c.Vectors(t.Context(), append(ids, "absent"))
	if err != nil || len(vectors) != len(ids) {
		t.Fatalf("%d vectors (%v), want %d", len(vectors), err, len(ids))
	}
	for id, vector := range vectors {
		if !slices.Equal(vector, byID[id].Vector) {
			t.Fatalf("vector of %s differs after restart", id)
		}
	}
	if err := c.Delete(t.Context(), append(ids, "absent")); err != nil {
		t.Fatal(err)
	}
	mustCount(t, c, len(rows)-len(ids))
	if left := entries(t, c); len(left) != len(rows)-len(ids) {
		t.Errorf("%d entries left, want %d", len(left), len(rows)-len(ids))
	}
}

func TestEmptyCatalogue(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, writer(t))
	mustCount(t, c, 0)
	if got := entries(t, c); len(got) != 0 {
		t.Errorf("entries %v", got)
	}
	if hits, err := c.Search(t.Context(), testRows(1)[0].Vector, 9, ""); err != nil || len(hits) != 0 {
		t.Errorf("hits %v, %v", hits, err)
	}
	for name, err := range map[string]error{"upsert": c.Upsert(t.Context(), nil), "delete": c.Delete(t.Context(), nil)} {
		if err != nil {
			t.Errorf("%s of nothing: %v", name, err)
		}
	}
}

func TestRefusedCollections(t *testing.T) {
	t.Parallel()
	made := writer(t)
	c := mustOpen(t, made)
	makeOthers(t, c.(*milvus))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*Options)
		want   error
	}{
		"other model":             {func(o *Options) { o.Model = "other model" }, ErrOtherModel},
		"other model for reading": {func(o *Options) { o.Model, o.Write = "other model", false }, ErrOtherModel},
		"other dimension":         {func(o *Options) { o.Dimension = 8 }, ErrDimension},
		"missing":                 {func(o *Options) { o.Collection, o.Write = "missing", false }, ErrNoCollection},
		"no model":                {func(o *Options) { o.Model = "" }, ErrInvalid},
		"write to the tutorial's": {func(o *Options) { o.Collection = "tutorial" }, ErrForeign},
		"other metric":            {func(o *Options) { o.Collection, o.Write = "euclid", false }, ErrMetric},
		"no vectors of that name": {func(o *Options) { o.Collection, o.Write = "texts", false }, ErrForeign},
		"newer layout":            {func(o *Options) { o.Collection = "newer" }, nil},
	} {
		o := made
		test.change(&o)
		c, err := Open(t.Context(), o)
		if err == nil {
			c.Close()
		}
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	made.Model, made.Dimension, made.Write = "", 0, false
	if got := mustOpen(t, made).Info(); got.Model != "test model" || got.Dimension != testDimension {
		t.Errorf("opened for any model: %+v", got)
	}
}

// TestEntriesOverPages: rows that were written in no order are listed once each, by id.
func TestEntriesOverPages(t *testing.T) {
	c := mustOpen(t, writer(t))
	rows := testRows(2*pageRows + 100)
	mustUpsert(t, c, rows)
	seal(t, c.(*milvus))
	mustUpsert(t, c, rows[:100]) // again, to segments that grow
	listed := entries(t, c)
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.ID, b.ID) })
	same := func(e Entry, r Row) bool { return e.ID == r.ID && e.ImagePath == r.ImagePath }
	if !slices.EqualFunc(listed, rows, same) {
		t.Errorf("%d of %d rows listed, or not by id", len(listed), len(rows))
	}
}

// makeOthers makes collections that vbge would not.
func makeOthers(t *testing.T, m *milvus) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	makeTutorial(t, m, "tutorial")
	number := entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true).WithIsAutoID(true)
	id := entity.NewField().WithName("id").WithDataType(entity.FieldTypeVarChar).WithMaxLength(64).WithIsPrimaryKey(true)
	vector := entity.NewField().WithName("vector").WithDataType(entity.FieldTypeFloatVector).WithDim(testDimension)
	other := entity.NewField().WithName("embedding").WithDataType(entity.FieldTypeFloatVector).WithDim(testDimension)
	must(makeCollection(ctx, m, entity.NewSchema().WithName("euclid").WithAutoID(true).WithField(number).WithField(vector), "vector", entity.L2))
	must(makeCollection(ctx, m, entity.NewSchema().WithName("texts").WithField(id).WithField(other), "embedding", metric))
	newer := `{"vbge": 2, "model": "test model"}`
	must(m.client.CreateCollection(ctx, entity.NewSchema().WithName("newer").WithDescription(newer).WithField(id).WithField(vector), 1,
		client.WithCollectionProperty(stampProperty, newer)))
}

// makeCollection makes a collection with a flat index and loads it. The SDK's own NewCollection fails on milvus-lite 3.2.2.
func makeCollection(ctx context.Context, m *milvus, schema *entity.Schema, field string, metric entity.MetricType) error {
	if err := m.client.CreateCollection(ctx, schema, 1, client.WithConsistencyLevel(entity.ClStrong)); err != nil {
		return err
	}
	index, err := entity.NewIndexAUTOINDEX(metric)
	if err != nil {
		return err
	}
	if err := m.client.CreateIndex(ctx, schema.CollectionName, field, index, false); err != nil {
		return err
	}
	return m.client.LoadCollection(ctx, schema.CollectionName, false)
}

// makeTutorial makes a collection as pymilvus's quick set-up does in the
// tutorial: an automatic int64 id, the vector, and image_path as a dynamic field.
func makeTutorial(t *testing.T, m *milvus, name string) {
	t.Helper()
	schema := entity.NewSchema().WithName(name).WithAutoID(true).WithDynamicFieldEnabled(true).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true).WithIsAutoID(true)).
		WithField(entity.NewField().WithName("vector").WithDataType(entity.FieldTypeFloatVector).WithDim(testDimension))
	if err := makeCollection(t.Context(), m, schema, "vector", metric); err != nil {
		t.Fatal(err)
	}
	rows := testRows(20)
	vectors, paths := make([][]float32, len(rows)), make([]string, len(rows))
	for i, row := range rows {
		vectors[i], paths[i] = row.Vector, row.ImagePath
	}
	_, err := m.client.Insert(t.Context(), name, "", entity.NewColumnFloatVector("vector", testDimension, vectors), entity.NewColumnVarChar("image_path", paths))
	if err != nil {
		t.Fatal(err)
	}
}

func TestTutorialCollectionCanBeSearched(t *testing.T) {
	t.Parallel()
	o := writer(t)
	c := mustOpen(t, o)
	o.Collection, o.Write = o.Collection+"_tutorial", false
	makeTutorial(t, c.(*milvus), o.Collection)
	c.Close()
	c = mustOpen(t, o)
	if info := c.Info(); info.Model != "" || info.Dimension != testDimension {
		t.Errorf("info %+v: the model cannot be known", info)
	}
	mustCount(t, c, 20)
	rows := testRows(20)
	hits, err := c.Search(t.Context(), rows[4].Vector, 3, "")
	if err != nil || len(hits) != 3 || hits[0].ImagePath != rows[4].ImagePath || hits[0].Score < 0.99999 || hits[0].ID == "" || len(hits[0].Fields) != 0 {
		t.Errorf("search: %+v, %v", hits, err)
	}
	var list error
	for _, list = range c.Entries(t.Context()) {
		break
	}
	_, vectors := c.Vectors(t.Context(), []string{"1"})
	for name, err := range map[string]error{
		"upsert": c.Upsert(t.Context(), rows), "delete": c.Delete(t.Context(), []string{"1"}), "entries": list, "vectors": vectors,
	} {
		if !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v, want ErrForeign", name, err)
		}
	}
}

// A crash between the steps of making a collection must not leave it unusable.
func TestHalfMadeCollectionIsCompleted(t *testing.T) {
	t.Parallel()
	o := writer(t)
	half, err := connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	err = half.create(t.Context(), o)
	half.Close()
	if err != nil {
		t.Fatal(err)
	}
	c := mustOpen(t, o)
	rows := testRows(5)
	mustUpsert(t, c, rows)
	indexes, err := c.(*milvus).client.DescribeIndex(t.Context(), o.Collection, "vector")
	if err != nil || len(indexes) != 1 || indexes[0].Params()["metric_type"] != "COSINE" {
		t.Errorf("index %v, %v", indexes, err)
	}
}

func TestCancelledAndLateCalls(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, writer(t))
	mustUpsert(t, c, testRows(10))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Count(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled call: %v", err)
	}
	c.(*milvus).timeout = time.Nanosecond
	if _, err := c.Count(t.Context()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "no answer within 1ns") {
		t.Errorf("call without time: %v", err)
	}
}
