package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"vbge/server/fault"
	"vbge/server/transport"
)

// FuzzEmbeddings sends any bytes as any media type to every route that embeds: each is answered in JSON, by
// a vector or an error for each item, or refused with a fault that says what to change.
func FuzzEmbeddings(f *testing.F) {
	for _, body := range []string{
		`{"input":"a","model":"m","encoding_format":"base64"}`, `{"input":["a","late",{},[5,6],"bug"],"dimensions":3}`,
		`{"input":{"content":[{"type":"text","text":"a"}]}}`, `{"inputs":["a",{"image":"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"}],"truncate":true}`, `{"text":"a","limit":3}`, "{", "",
	} {
		f.Add("application/json", "", body)
	}
	f.Add("image/jpeg", "text=a", "picture")
	f.Add("multipart/form-data; boundary=b", "", "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\na\r\n--b--\r\n")
	e := &fakeEngine{errors: words}
	store := newFakeCatalog(2)
	routes := Routes(Options{MaxItems: 16, MaxImageBytes: 1 << 16}, Services{Embedder: &Embedder{Engine: e}, Search: store.searcher()})
	f.Fuzz(func(t *testing.T, contentType, query, body string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		e.requests = nil
		for _, route := range routes[:3] {
			r, err := route.Handle(t.Context(), &transport.Request{Method: route.Method, Path: route.Path, Query: values,
				Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)})
			if err != nil {
				refused, ok := errors.AsType[*fault.Error](err)
				if !ok || refused.Status < 400 || refused.Status > 599 || refused.Code == "" || refused.Message == "" || refused.Change == "" || len(refused.Message) > 1000 {
					t.Errorf("%s: %v", route.Path, err)
				}
				continue
			}
			if !json.Valid(r.Body) {
				t.Errorf("%s: %s", route.Path, r.Body)
			}
			if route.Path != "/v1/embeddings" {
				continue
			}
			var list struct {
				Data []struct {
					Index            int
					Embedding, Error json.RawMessage
				}
			}
			if err := json.Unmarshal(r.Body, &list); err != nil || len(list.Data) == 0 {
				t.Errorf("%v: %s", err, r.Body)
			}
			for i, d := range list.Data {
				if d.Index != i || (string(d.Embedding) == "null") != (d.Error != nil) {
					t.Errorf("item %d: %+v", i, d)
				}
			}
		}
	})
}
