package wire

import (
	"net/url"
	"reflect"
	"testing"
)

func TestParseSearch(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, body string
		want              Search
	}{
		"words":   {"application/json; charset=utf-8", `{"text":"a"}`, Search{Text: "a", Limit: 9}},
		"picture": {jsonType, `{"image":"` + dataURL + `","limit":16384}`, Search{Image: file, Limit: 16384}},
		"all": {"APPLICATION/JSON", `{"image":"` + encoded + `","text":"a","limit":1,"filter":"price < 9","rerank":true,"panorama":true}`,
			Search{Image: file, Text: "a", Limit: 1, Filter: "price < 9", Rerank: true, Panorama: true}},
		"nulls":         {jsonType, `{"image":null,"text":"a","limit":null,"rerank":null}`, Search{Text: "a", Limit: 9}},
		"form":          {formType, string(formOf("image@a.png="+string(file), "text=a", "limit=3", "filter=x > 1", "rerank=true", "panorama=1")), Search{Image: file, Text: "a", Limit: 3, Filter: "x > 1", Rerank: true, Panorama: true}},
		"form of words": {formType, string(formOf("image@=", "text=a", "rerank=false", "limit=")), Search{Text: "a", Limit: 9}},
		"raw":           {"image/jpeg", string(file), Search{Image: file, Limit: 9}},
		"bytes":         {"application/octet-stream", string(file), Search{Image: file, Limit: 9}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseSearch(c.contentType, []byte(c.body), nil, limits)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, c.want) {
				t.Errorf("%+v\nwant %+v", *got, c.want)
			}
		})
	}
}

func TestParseSearchPicture(t *testing.T) {
	got, err := ParseSearch("image/png", file, url.Values{"text": {"a"}, "limit": {"2"}, "filter": {"f"}, "rerank": {"1"}, "panorama": {"true"}}, limits)
	if want := (Search{Image: file, Text: "a", Limit: 2, Filter: "f", Rerank: true, Panorama: true}); err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}
