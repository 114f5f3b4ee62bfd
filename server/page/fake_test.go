package page

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vbge/server/fault"
	"vbge/server/rerank"
	"vbge/server/search"
	"vbge/server/transport"
)

const demo = "../../docs/demo/"

// fake is a server with the page and just enough of the API that the page uses: it finds nine of the
// demo's pictures, which depend on what was asked but mean nothing.
type fake struct {
	search map[string]any                                // what /info says of searching
	images map[string]any                                // and of pictures in queries
	limit  int                                           // bytes of a body, as /info says
	before func(http.ResponseWriter, *http.Request) bool // if set, sees each request first, and says whether it has answered it
	after  func(*search.Answer)                          // if set, changes what was found
}

func newFake() *fake {
	return &fake{limit: 16 << 20, images: map[string]any{"available": true}, search: map[string]any{"available": true, "rerank": true, "rerank_model": "gpt-4o", "pictures": 900}}
}

// serve starts the fake under a prefix, as behind a proxy, and returns its URL.
func (f *fake) serve(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	for _, route := range Routes(demoOptions(t)) {
		path := route.Path
		if path == "/" {
			path = "/{$}"
		}
		mux.Handle(route.Method+" "+path, adapt(route))
	}
	for pattern, handle := range map[string]http.HandlerFunc{
		"GET /info":                f.answerInfo,
		"POST /v1/search":          f.answerSearch,
		"GET /v1/items/{id}/image": f.answerImage,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if f.before == nil || !f.before(w, r) {
				handle(w, r)
			}
		})
	}
	server := httptest.NewServer(http.StripPrefix("/behind/a/proxy", mux))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL + "/behind/a/proxy/"
}

// adapt serves a route by net/http.
func adapt(route transport.Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		response, err := route.Handle(r.Context(), &transport.Request{Method: r.Method, Path: r.URL.Path, Header: r.Header,
			Params: map[string]string{"name": r.PathValue("name")}})
		if err != nil {
			refuse(w, err)
			return
		}
		for name, value := range response.Header {
			w.Header().Set(name, value)
		}
		w.Header().Set("Content-Type", response.ContentType)
		w.WriteHeader(max(response.Status, http.StatusOK))
		w.Write(response.Body)
	}
}

func refuse(w http.ResponseWriter, err error) {
	var f *fault.Error
	if !errors.As(err, &f) {
		f = fault.New(http.StatusInternalServerError, "internal", err.Error(), "")
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	w.WriteHeader(f.Status)
	json.NewEncoder(w).Encode(map[string]any{"error": f})
}

func (f *fake) answerInfo(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(map[string]any{"model": "demo", "search": f.search, "images": f.images,
		"limits": []map[string]any{{"flag": "--max-body-bytes", "value": f.limit, "unit": "bytes"}}})
}

func (f *fake) answerSearch(w http.ResponseWriter, r *http.Request) {
	query, picture, err := read(r)
	if err != nil {
		refuse(w, err)
		return
	}
	first := 558 // three pictures before the three that the leopard's query is for
	if !strings.Contains(query.Get("text"), "phone case") {
		h := fnv.New32()
		h.Write(append(picture, query.Get("text")...))
		first = int(h.Sum32() % 890)
	}
	a := &search.Answer{Ranked: []int{}}
	for i := range 9 {
		path := fmt.Sprintf("images/%04d.jpg", first+i)
		a.Results = append(a.Results, search.Result{Rank: i, ID: path, ImagePath: path, Score: 0.9712 - 0.0123*float32(i)})
	}
	if query.Get("rerank") == "true" {
		best := 3
		a.Reranked, a.Ranked, a.Best, a.Explanation = true, []int{3, 4, 5, 0, 1, 2, 8, 7, 6}, &best, spoken
		if first != 558 {
			a.Explanation = hostile
		}
	}
	if f.after != nil {
		f.after(a)
	}
	answer := struct {
		*search.Answer
		Panorama string `json:"panorama,omitempty"`
	}{Answer: a}
	if query.Get("panorama") == "true" {
		drawn, err := rerank.EncodeJPEG(rerank.Panorama(nil, make([]image.Image, len(a.Results))))
		if err != nil {
			refuse(w, err)
			return
		}
		answer.Panorama = base64.StdEncoding.EncodeToString(drawn)
	}
	w.Header().Set("Server-Timing", `parse;dur=0.4, prepare;dur=3.1, compute;desc="on two cores, fast";dur=28.6, search;dur=8.9, rerank;dur=2310`)
	json.NewEncoder(w).Encode(answer)
}

const (
	// spoken is what the fake says of phone cases.
	spoken = "It is a phone case that keeps the picture's theme: the leopard's rosettes, black and brown, on the same orange ground."
	// hostile is what it says of anything else.
	hostile = `Number 3. <script>document.title = "hit"</script><img src=x onerror="document.title='hit'">`
)

// read is what a form asks.
func read(r *http.Request) (url.Values, []byte, error) {
	if err := r.ParseMultipartForm(16 << 20); err != nil {
		return nil, nil, err
	}
	file, _, err := r.FormFile("image")
	if errors.Is(err, http.ErrMissingFile) {
		return r.PostForm, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	var picture bytes.Buffer
	if _, err := picture.ReadFrom(file); err != nil {
		return nil, nil, err
	}
	if _, err := jpeg.DecodeConfig(bytes.NewReader(picture.Bytes())); err != nil {
		return nil, nil, fault.New(http.StatusBadRequest, "bad_image", "the image is not a picture that vbge reads", "Send a JPEG, PNG, WebP, GIF or BMP.")
	}
	return r.PostForm, picture.Bytes(), nil
}

func (f *fake) answerImage(w http.ResponseWriter, r *http.Request) {
	file, err := os.ReadFile(demo + filepath.Clean(r.PathValue("id")))
	if err != nil {
		refuse(w, fault.New(http.StatusNotFound, "no_picture", "there is no picture with this id", ""))
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Write(file)
}

// demoOptions are those of the demo.
func demoOptions(t testing.TB) Options {
	t.Helper()
	read := func(name string) []byte {
		file, err := os.ReadFile(demo + name)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	return Options{Examples: []Example{
		{Name: "leopard.jpg", File: read("leopard.jpg"), Text: "phone case with this image theme"},
		{Name: "a b?#%.jpg", File: read("queries/0125.jpg"), Text: "same print but on a journal"},
		{Name: "0074.jpg", File: read("queries/0074.jpg"), Text: "tangerine instead"},
		{Name: "words", Text: "a yellow sneaker with flowers"},
	}}
}
