package wire

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestParseItems(t *testing.T) {
	fields := map[string]any{"title": "shoe", "sku": json.Number("9007199254740993"), "tags": []any{"a", nil}}
	const text = `{"title":"shoe","sku":9007199254740993,"tags":["a",null]}`
	one, two := []byte("1"), []byte("2")
	for name, c := range map[string]struct {
		contentType, body string
		want              []NewItem
	}{
		"JSON": {jsonType, `{"items":[{"fields":` + text + `,"image":"` + encoded + `"},{"image":"` + dataURL + `"},{"image":"` + dataURL + `","fields":null}]}`,
			[]NewItem{{Image: file, Fields: fields}, {Image: file}, {Image: file}}},
		"form":           {formType, string(formOf("image@a=1", "image@b=2")), []NewItem{{Image: one}, {Image: two}}},
		"fields for all": {formType, string(formOf("image@a=1", "image@b=2", "fields="+text)), []NewItem{{Image: one, Fields: fields}, {Image: two, Fields: fields}}},
		"fields each":    {formType, string(formOf("fields={}", "image@a=1", "image@b=2", "fields= "+text+"\n")), []NewItem{{Image: one, Fields: map[string]any{}}, {Image: two, Fields: fields}}},
		"raw":            {"image/webp", string(file), []NewItem{{Image: file}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseItems(c.contentType, []byte(c.body), limits)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v\nwant %+v", got, c.want)
			}
		})
	}
}

// What is wrong with one picture costs no other.
func TestParseItemsKeepsTheGoodOnes(t *testing.T) {
	got, err := ParseItems(jsonType, []byte(`{"items":[{"image":"`+encoded+`"},{"image":"x.jpg","fields":{"deep":[[]]}},7,{"image":"`+encoded+`"}]}`), limits)
	if err != nil || len(got) != 4 {
		t.Fatalf("%d items, %v, want 4", len(got), err)
	}
	for i, bad := range []bool{false, true, true, false} {
		if (got[i].Err != nil) != bad || (got[i].Image == nil) != bad {
			t.Errorf("item %d: %+v", i, got[i])
		}
	}
}
