package api

import (
	"cmp"
	"context"
	"time"

	"vbge/engine"
	"vbge/server/transport"
)

// Info is what /info answers: what the server has, and how much of what it takes.
type Info struct {
	Version         string     `json:"version"`
	Model           string     `json:"model"`
	ModelID         string     `json:"model_id"` // of two models whose vectors differ, two
	Dimension       int        `json:"dimension"`
	Pooling         string     `json:"pooling"` // cls or mean
	Images          ImagesInfo `json:"images"`  // whether inputs may be pictures
	Device          string     `json:"device"`
	Precision       string     `json:"precision"`
	PrecisionReason string     `json:"precision_reason"` // why that one; with --precision auto, why no faster one
	MaxTokens       MaxTokens  `json:"max_tokens"`
	Search          SearchInfo `json:"search"`
	Items           Available  `json:"items"`
	Limits          []Limit    `json:"limits"`
}

// MaxTokens are the words' token ids, [CLS] and [SEP] counted, that one input may have.
type MaxTokens struct {
	Text  int `json:"text"`  // alone
	Image int `json:"image"` // beside a picture; 0 where none are taken
}

// Available says whether the server does something, and if not, why.
type Available struct {
	Available bool   `json:"available"`
	Reason    string `json:"reason"`
}

// ImagesInfo says whether inputs may be pictures, and how they are read.
type ImagesInfo struct {
	Available
	FastJPEG bool `json:"fast_jpeg"` // large ones at a fraction of their size
}

// SearchInfo says what /v1/search can do.
type SearchInfo struct {
	Available
	Rerank       bool   `json:"rerank"`
	RerankModel  string `json:"rerank_model"`
	RerankReason string `json:"rerank_reason"`      // why it cannot rerank
	Pictures     *int   `json:"pictures,omitempty"` // in the catalogue; left out where Milvus does not answer at once
}

// Limit is a bound that a flag sets.
type Limit struct {
	Flag    string `json:"flag"`    // --max-items
	Value   any    `json:"value"`   // a number or a text, such as "10s"
	Unit    string `json:"unit"`    // of Value: items, bytes, pixels; "" where Value says it
	Meaning string `json:"meaning"` // what it bounds
}

func (a *api) info(ctx context.Context, _ *transport.Request) (*transport.Response, error) {
	e := a.Embedder.Engine
	c := e.Config()
	i := Info{
		Version: a.Version, Model: a.Model, ModelID: e.ModelID(), Dimension: e.Dimension(), Pooling: c.Pooling.String(),
		Device: e.Device(), Precision: e.Precision(), PrecisionReason: e.PrecisionReason(),
		MaxTokens: MaxTokens{Text: c.MaxTextTokens(false)},
		Search:    a.searchInfo(ctx),
		Items:     Available{Available: a.Items != nil && a.NoItems == ""},
		Limits:    append([]Limit{}, a.Limits...),
	}
	if c.TakesPictures() {
		i.Images = ImagesInfo{Available{Available: true}, e.FastJPEG()}
		i.MaxTokens.Image = c.MaxTextTokens(true)
	} else {
		i.Images.Reason = engine.ErrNoVision.Error()
	}
	if !i.Items.Available {
		i.Items.Reason = cmp.Or(a.NoItems, "the server keeps no pictures: start it with --uri and --items-dir")
	}
	return jsonReply(i)
}

// countTimeout is how long /info waits for Milvus.
const countTimeout = time.Second

func (a *api) searchInfo(ctx context.Context) SearchInfo {
	if a.Search == nil {
		return SearchInfo{Available: Available{Reason: cmp.Or(a.NoSearch, "the server has no catalogue: start it with --uri")},
			RerankReason: "there is nothing to rank"}
	}
	s := SearchInfo{Available: Available{Available: true}, Rerank: a.Search.Reranker != nil, RerankModel: a.RerankModel}
	switch {
	case s.Rerank:
	case a.Search.NoRerank != nil:
		s.RerankReason = a.Search.NoRerank.Error()
	default:
		s.RerankReason = "there is no language model to rank with"
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	if n, err := a.Search.Catalog.Count(ctx); err == nil {
		s.Pictures = &n
	}
	return s
}
