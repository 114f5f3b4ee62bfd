// Package api says what the server's routes mean: a request's bytes become inputs, the engine or the
// catalogue answers, and the answer becomes a reply or a fault. It knows no network: package transport
// carries what it answers. Package openapi describes the same routes, and tests hold the two equal.
package api

import (
	"net/http"

	"vbge/server/search"
	"vbge/server/transport"
)

// Options bound requests and describe the server to those who ask.
type Options struct {
	Model         string  // name in replies to requests that name none, and in /info
	Version       string  // of the server
	MaxItems      int     // of one request: --max-items
	MaxImageBytes int64   // of one picture's file: --max-image-bytes
	RerankModel   string  // that Services.Search.Reranker asks
	NoSearch      string  // why Services.Search is nil; "" is that there is no --uri
	NoItems       string  // why pictures cannot be added, where Services.Items alone does not say it
	Limits        []Limit // all of the server's, for /info
}

// Services do the work behind the routes.
type Services struct {
	Embedder *Embedder
	Search   *search.Searcher // nil without a catalogue; its own Embedder is not used
	Items    Items            // nil without a catalogue
	Health   Health
	Stopping func() bool // whether the server takes its leave; nil is never
}

// api is Options and Services, with handlers as methods.
type api struct {
	Options
	Services
	turns turns
}

// Routes returns the routes of the interface for programs.
func Routes(o Options, s Services) []transport.Route {
	a := &api{o, s, newTurns()}
	return []transport.Route{
		{Method: http.MethodPost, Path: "/v1/embeddings", Busy: a.busy, Handle: a.embeddings},
		{Method: http.MethodPost, Path: "/embed", Busy: a.busy, Handle: a.embedTEI},
		{Method: http.MethodPost, Path: "/v1/search", Busy: a.busy, Handle: a.searchPictures},
		{Method: http.MethodPost, Path: "/v1/items", Access: transport.Writes, Handle: a.addItems},
		{Method: http.MethodDelete, Path: "/v1/items/{id}", Access: transport.Writes, Handle: a.deleteItem},
		{Method: http.MethodGet, Path: "/v1/items/{id}/image", Handle: a.picture},
		{Method: http.MethodGet, Path: "/health", Access: transport.Open, Quiet: true, Handle: a.ready}, // TEI's name
		{Method: http.MethodGet, Path: "/health/live", Access: transport.Open, Quiet: true, Handle: a.live},
		{Method: http.MethodGet, Path: "/health/ready", Access: transport.Open, Quiet: true, Handle: a.ready},
		{Method: http.MethodGet, Path: "/info", Access: transport.Open, Handle: a.info},
		{Method: http.MethodGet, Path: "/openapi.yaml", Access: transport.Open, Handle: document},
		{Method: http.MethodGet, Path: "/docs", Access: transport.Open, Handle: docs()},
	}
}
