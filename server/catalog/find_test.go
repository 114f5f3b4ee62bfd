package catalog

import (
	"maps"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

// hostile are ids that nothing may be found by, whatever the collection.
var hostile = []string{
	"", " ", `"`, `\`, `x"] or id != "`, `x\"] or 1 == 1 or id in ["`, "1] or id > 0 or id in [1", "1, 2", "1 or 1==1", `%`, "id", `"] or true or id in ["`,
	"\x00", "\n", "\xff", "null", "0x10", "1e3", "+1", "01", " 1", "9223372036854775808", strings.Repeat("1", 1<<16), strings.Repeat("é", 2000),
}

func TestFind(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, writer(t))
	rows := testRows(1500)
	mustUpsert(t, c, rows)
	ids := []string{"absent", rows[0].ID, rows[0].ID}
	want := map[string]Entry{}
	for _, row := range rows[:1200] { // two calls
		hash, err := FieldsHash(row.Fields)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, row.ID)
		want[row.ID] = Entry{row.ID, row.ImagePath, row.ContentHash, hash, row.Source}
	}
	got, err := c.Find(t.Context(), append(ids, hostile...))
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%d rows (%v), want %d", len(got), err, len(want))
	}
	for _, id := range hostile {
		if got, err := c.Find(t.Context(), []string{id}); err != nil || len(got) != 0 {
			t.Errorf("%.40q finds %v, %v", id, got, err)
		}
	}
}

func TestFindInATutorialCollection(t *testing.T) {
	t.Parallel()
	o := writer(t)
	c := mustOpen(t, o)
	o.Collection, o.Write = o.Collection+"_tutorial", false
	makeTutorial(t, c.(*milvus), o.Collection)
	c.Close()
	c = mustOpen(t, o)
	rows := testRows(20)
	hits, err := c.Search(t.Context(), rows[4].Vector, 20, "")
	if err != nil || len(hits) != 20 {
		t.Fatalf("%d hits, %v", len(hits), err)
	}
	ids, want := hostile, map[string]Entry{}
	for _, hit := range hits {
		ids = append(ids, hit.ID)
		want[hit.ID] = Entry{ID: hit.ID, ImagePath: hit.ImagePath}
	}
	got, err := c.Find(t.Context(), ids)
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("found %v (%v), want %v", got, err, want)
	}
}

// TestFindByTexts: where something else made the collection, an id is any text and its field has any name.
func TestFindByTexts(t *testing.T) {
	t.Parallel()
	o := writer(t)
	c := mustOpen(t, o)
	m := c.(*milvus)
	o.Collection, o.Write = o.Collection+"_texts", false
	schema := entity.NewSchema().WithName(o.Collection).
		WithField(entity.NewField().WithName("sku").WithDataType(entity.FieldTypeVarChar).WithMaxLength(2000).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName(fieldPath).WithDataType(entity.FieldTypeVarChar).WithMaxLength(200)).
		WithField(entity.NewField().WithName(fieldVector).WithDataType(entity.FieldTypeFloatVector).WithDim(testDimension))
	if err := m.client.CreateCollection(t.Context(), schema, 1, client.WithConsistencyLevel(entity.ClStrong)); err != nil {
		t.Fatal(err)
	}
	index, err := entity.NewIndexAUTOINDEX(metric)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.client.CreateIndex(t.Context(), o.Collection, fieldVector, index, false); err != nil {
		t.Fatal(err)
	}
	ids := []string{"plain", "two words", "it's", "Größe/ü", "a,b", "a]b", "100%", "17", "{x}", "id in", "#!", "日本", "a$b", "''", strings.Repeat("x", 1024)}
	want := map[string]Entry{}
	for i, row := range testRows(len(ids)) {
		want[ids[i]] = Entry{ID: ids[i], ImagePath: row.ImagePath}
	}
	vectors, paths := make([][]float32, len(ids)), make([]string, len(ids))
	for i, row := range testRows(len(ids)) {
		vectors[i], paths[i] = row.Vector, row.ImagePath
	}
	_, err = m.client.Insert(t.Context(), o.Collection, "", entity.NewColumnVarChar("sku", ids), entity.NewColumnVarChar(fieldPath, paths), entity.NewColumnFloatVector(fieldVector, testDimension, vectors))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	c = mustOpen(t, o)
	got, err := c.Find(t.Context(), append(ids, hostile...))
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("found %v (%v), want %v", got, err, want)
	}
}

// FuzzLiteral: an id is digits, or a text that its quotes hold.
func FuzzLiteral(f *testing.F) {
	for _, id := range append(hostile[:20:20], "17", "-17", "it's", "9223372036854775807", "-9223372036854775808") {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if literal, ok := (key{integer: true}).literal(id); ok && (len(literal) > 20 || strings.Trim(literal, "-0123456789") != "") {
			t.Errorf("integer %q", literal)
		}
		for _, k := range []key{{}, {foreign: true}} {
			literal, ok := k.literal(id)
			if !ok {
				continue
			}
			inner := strings.TrimSuffix(strings.TrimPrefix(literal, `"`), `"`)
			if inner != id || len(literal) != len(id)+2 || len(id) > maxForeignID || strings.ContainsAny(inner, "\"\\\n\r\x00") {
				t.Errorf("%+v: %q", k, literal)
			}
		}
	})
}
