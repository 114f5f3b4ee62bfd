package search

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"slices"
	"strings"
	"testing"

	"vbge/engine"
	"vbge/server/catalog"
	"vbge/server/rerank"
)

var (
	errDevice  = errors.New("the device is gone")
	errPicture = errors.New("no picture")
	errMilvus  = errors.New("Milvus is gone")
	errModel   = errors.New("the model refused")
)

// world stands for everything around a Searcher and keeps what it was asked.
type world struct {
	catalog.Catalog // methods that search does not call stay nil

	hits                           int              // in the catalogue
	call, input, searching, rating error            // what goes wrong
	undecodable                    bool             // the query's picture
	missing                        map[string]error // pictures of results
	ranking                        rerank.Ranking

	embedded []engine.Input
	vector   []float32
	limit    int
	filter   string
	request  *rerank.Request
}

func (w *world) Embed(_ context.Context, in []engine.Input) ([]engine.Result, error) {
	w.embedded = in
	return []engine.Result{{Embedding: []float32{0.6, 0.8}, Err: w.input}}, w.call
}

func (w *world) Search(_ context.Context, vector []float32, limit int, filter string) ([]catalog.Hit, error) {
	w.vector, w.limit, w.filter = vector, limit, filter
	hits := make([]catalog.Hit, min(limit, w.hits))
	for i := range hits {
		hits[i] = catalog.Hit{ID: fmt.Sprint("id", i), ImagePath: fmt.Sprintf("%d.jpg", i), Score: 1 - float32(i)/100,
			Fields: map[string]any{"title": fmt.Sprint("product ", i)}}
	}
	return hits, w.searching
}

func (w *world) Rerank(_ context.Context, r rerank.Request) (rerank.Ranking, error) {
	w.request = &r
	return w.ranking, w.rating
}

func (w *world) searcher() *Searcher {
	return &Searcher{Embedder: w, Catalog: w, Reranker: w,
		Decode: func(context.Context, []byte) (image.Image, error) {
			if w.undecodable {
				return nil, errPicture
			}
			return image.NewUniform(color.RGBA{G: 255, A: 255}), nil
		},
		Open: func(_ context.Context, path string) (image.Image, error) {
			return plain(color.RGBA{R: 255, A: 255}), w.missing[path]
		}}
}

func plain(c color.Color) image.Image {
	picture := image.NewRGBA(image.Rect(0, 0, 30, 30))
	for i := range 900 {
		picture.Set(i%30, i/30, c)
	}
	return picture
}

func TestSearch(t *testing.T) {
	w := &world{hits: 20}
	a, err := w.searcher().Search(t.Context(), Query{Image: []byte("picture"), Text: "words", Limit: 12, Filter: `kind == "shoe"`})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.embedded) != 1 || string(w.embedded[0].Image) != "picture" || w.embedded[0].Text != "words" {
		t.Errorf("embedded %+v", w.embedded)
	}
	if !slices.Equal(w.vector, []float32{0.6, 0.8}) || w.limit != 12 || w.filter != `kind == "shoe"` {
		t.Errorf("searched for %v, limit %d, filter %q", w.vector, w.limit, w.filter)
	}
	if len(a.Results) != 12 {
		t.Fatalf("%d results", len(a.Results))
	}
	for i, r := range a.Results {
		if r.Rank != i || r.ID != fmt.Sprint("id", i) || r.ImagePath != fmt.Sprintf("%d.jpg", i) || r.Score != 1-float32(i)/100 {
			t.Errorf("result %d is %+v", i, r)
		}
	}
	if a.Panorama != nil || w.request != nil || a.Reranked || a.Reason != "" {
		t.Errorf("nobody asked for a panorama or reranking: %+v", a)
	}
}

func TestAnswerJSON(t *testing.T) {
	best := 1
	for want, a := range map[string]Answer{
		`{"results":[],"reranked":false,"ranked":[],"best":null,"explanation":"","reason":"why not"}`: {Results: []Result{}, Ranked: []int{}, Reason: "why not", Panorama: []byte{1}},
		`{"results":[{"rank":0,"id":"i","image_path":"p","score":0.5}],"reranked":true,"ranked":[1,0],"best":1,"explanation":"so","reason":""}`: {Results: []Result{{0, "i", "p", 0.5, map[string]any{"kind": "shoe"}}},
			Reranked: true, Ranked: []int{1, 0}, Best: &best, Explanation: "so"},
	} {
		if got, err := json.Marshal(a); err != nil || string(got) != want {
			t.Errorf("%s, want %s (%v)", got, want, err)
		}
	}
}

func TestNothingFound(t *testing.T) {
	a, err := (&world{}).searcher().Search(t.Context(), Query{Text: "words", Limit: 9, Rerank: true, Panorama: true})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(a)
	if !strings.Contains(string(text), `"results":[]`) || !strings.Contains(string(text), `"ranked":[]`) {
		t.Errorf("%s: lists are never null", text)
	}
	if a.Reranked || a.Reason == "" {
		t.Errorf("reranked %v, reason %q", a.Reranked, a.Reason)
	}
}

func TestSearchRefuses(t *testing.T) {
	words := Query{Text: "words", Limit: 9}
	tests := []struct {
		name  string
		world world
		query Query
		want  error
	}{
		{"nothing to look for", world{}, Query{Limit: 9}, ErrQuery},
		{"no results wanted", world{}, Query{Text: "words"}, ErrQuery},
		{"bad picture", world{input: errPicture}, words, errPicture},
		{"bad picture is the query's fault", world{input: errPicture}, words, ErrQuery},
		{"device", world{call: errDevice}, words, errDevice},
		{"catalogue", world{searching: errMilvus}, words, errMilvus},
	}
	for _, test := range tests {
		a, err := test.world.searcher().Search(t.Context(), test.query)
		if !errors.Is(err, test.want) || a != nil {
			t.Errorf("%s: answer %v, error %v, want %v", test.name, a, err, test.want)
		}
	}
	for _, fault := range []*world{{call: errDevice}, {searching: errMilvus}} {
		if _, err := fault.searcher().Search(t.Context(), words); errors.Is(err, ErrQuery) {
			t.Errorf("%v is not the query's fault", err)
		}
	}
}

func TestRerank(t *testing.T) {
	ranked := []int{6, 2, 0, 1, 3, 4, 5, 7, 8}
	tests := []struct {
		name       string
		hits       int
		rating     error
		noReranker error // nil: there is one
		reranked   bool
		reason     string
		count      int // pictures shown to the model
	}{
		{"good answer", 20, nil, nil, true, "", 9},
		{"three results", 3, nil, nil, true, "", 3},
		{"model fails", 20, errModel, nil, false, "the model refused", 9},
		{"no key", 20, nil, rerank.ErrNoKey, false, "no key", 0},
		{"nothing found", 0, nil, nil, false, "nothing was found", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ranking := rerank.Ranking{Ranked: ranked[:min(test.hits, 9)], Explanation: "because"}
			if test.hits == 3 {
				ranking.Ranked = []int{2, 0, 1}
			}
			if test.hits > 0 {
				ranking.Best = ranking.Ranked[0]
			}
			w := &world{hits: test.hits, ranking: ranking, rating: test.rating}
			s := w.searcher()
			if test.noReranker != nil {
				s.Reranker, s.NoRerank = nil, test.noReranker
			}
			a, err := s.Search(t.Context(), Query{Text: "words", Limit: 12, Rerank: true})
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Results) != min(12, test.hits) {
				t.Errorf("%d results", len(a.Results))
			}
			for i, r := range a.Results {
				if r.Rank != i || r.ImagePath != fmt.Sprintf("%d.jpg", i) {
					t.Errorf("the order found is lost: %+v", a.Results)
				}
			}
			if a.Reranked != test.reranked || !strings.Contains(a.Reason, test.reason) || (a.Reason == "") != test.reranked {
				t.Errorf("reranked %v, reason %q", a.Reranked, a.Reason)
			}
			if test.reranked {
				if !slices.Equal(a.Ranked, ranking.Ranked) || a.Best == nil || *a.Best != ranking.Best || a.Explanation != "because" {
					t.Errorf("answer %+v", a)
				}
			} else if len(a.Ranked) != 0 || a.Ranked == nil || a.Best != nil || a.Explanation != "" {
				t.Errorf("not reranked, and yet %+v", a)
			}
			if test.count == 0 {
				if w.request != nil {
					t.Error("the model was asked")
				}
				return
			}
			if w.request.Count != test.count || w.request.Instruction != "words" || len(w.request.Items) != test.count ||
				!strings.Contains(w.request.Items[1], "product 1") || !bytes.Equal(w.request.Panorama, a.Panorama) {
				t.Errorf("request: count %d, instruction %q, items %q", w.request.Count, w.request.Instruction, w.request.Items)
			}
		})
	}
}

// TestNoReason: even a Searcher that was not told why it has no reranker gives a reason.
func TestNoReason(t *testing.T) {
	s := (&world{hits: 2}).searcher()
	s.Reranker = nil
	a, err := s.Search(t.Context(), Query{Text: "words", Limit: 9, Rerank: true})
	if err != nil || a.Reason == "" || len(a.Results) != 2 {
		t.Errorf("answer %+v, error %v", a, err)
	}
}

// TestPanorama looks at the middle of each cell: found pictures are red, missing ones neither red
// nor white, cells without a result white.
func TestPanorama(t *testing.T) {
	w := &world{hits: 5, missing: map[string]error{"3.jpg": errPicture}}
	a, err := w.searcher().Search(t.Context(), Query{Text: "words", Limit: 9, Panorama: true})
	if err != nil {
		t.Fatal(err)
	}
	picture, err := jpeg.Decode(bytes.NewReader(a.Panorama))
	if err != nil || picture.Bounds() != image.Rect(0, 0, 1200, 900) {
		t.Fatalf("panorama %v, %v", picture, err)
	}
	for i := range 9 {
		r, g, b, _ := picture.At(300+300*(i%3)+150, 300*(i/3)+200).RGBA()
		got := "grey"
		switch {
		case r > 0xe000 && g < 0x2000 && b < 0x2000:
			got = "red"
		case min(r, g, b) > 0xf000:
			got = "white"
		}
		want := "red"
		switch {
		case i == 3:
			want = "grey"
		case i > 4:
			want = "white"
		}
		if got != want {
			t.Errorf("cell %d is %s (%x %x %x), want %s", i, got, r>>8, g>>8, b>>8, want)
		}
	}
	if len(a.Missing) != 1 || !strings.Contains(a.Missing[0], "3.jpg") || !strings.Contains(a.Missing[0], errPicture.Error()) {
		t.Errorf("missing %q", a.Missing)
	}
}

// TestUndecodableQuery: what was found is there although the panorama cannot show the query.
func TestUndecodableQuery(t *testing.T) {
	w := &world{hits: 3, undecodable: true}
	a, err := w.searcher().Search(t.Context(), Query{Image: []byte("picture"), Limit: 9, Panorama: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Results) != 3 || len(a.Panorama) == 0 || len(a.Missing) != 1 || !strings.Contains(a.Missing[0], "query") {
		t.Errorf("%d results, panorama of %d bytes, missing %q", len(a.Results), len(a.Panorama), a.Missing)
	}
}
