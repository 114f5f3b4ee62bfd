package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"vbge/engine"
	"vbge/server/fault"
	"vbge/server/search"
	"vbge/server/transport"
	"vbge/server/wire"
)

// searchPictures answers POST /v1/search: what `vbge search --json` prints, or the panorama.
func (a *api) searchPictures(ctx context.Context, r *transport.Request) (*transport.Response, error) {
	if a.Search == nil {
		return nil, fault.New(http.StatusNotFound, "no_catalog", cmp.Or(a.NoSearch, "this server has no catalogue to search"),
			"start it with --uri, the catalogue that `vbge index` made")
	}
	began := time.Now()
	reply := wire.Accept(accept(r), "application/json", "image/jpeg")
	if reply == "" {
		return nil, fault.New(http.StatusNotAcceptable, "not_acceptable", "Accept: neither JSON nor a JPEG, the panorama",
			"accept application/json or image/jpeg").At("Accept")
	}
	lane, err := laneOf(r, engine.Interactive)
	if err != nil {
		return nil, err
	}
	q, err := inTurn(ctx, a.turns, r.Body, func() (*wire.Search, error) {
		return wire.ParseSearch(contentType(r), r.Body, r.Query, a.limits())
	})
	if err != nil {
		return nil, err
	}
	parsed := time.Since(began)
	s := *a.Search
	vector := &queryEmbedder{Embedder: a.Embedder, lane: lane}
	s.Embedder = vector
	answer, err := s.Search(ctx, search.Query{Image: q.Image, Text: q.Text, Limit: q.Limit, Filter: q.Filter,
		Rerank: q.Rerank, Panorama: q.Panorama || reply == "image/jpeg"})
	if err != nil {
		return nil, a.Embedder.refuse(ctx, err, lane)
	}
	response, err := answerReply(answer, reply, q.Panorama)
	if err != nil {
		return nil, err
	}
	response.Timing = stages(parsed, vector.result.Times, answer.Times)
	response.Log = []slog.Attr{
		slog.Int("results", len(answer.Results)),
		slog.Int("tokens", vector.result.Tokens),
		slog.Bool("cached", vector.result.Cached),
		slog.Bool("reranked", answer.Reranked),
		slog.Int("missing", len(answer.Missing)), // pictures in the panorama
		slog.String("lane", lane.String()),
	}
	return response, nil
}

// queryEmbedder embeds one search's query and keeps what became of it.
type queryEmbedder struct {
	*Embedder
	lane   engine.Lane
	result engine.Result
}

// Embed implements search.Embedder.
func (q *queryEmbedder) Embed(ctx context.Context, inputs []engine.Input) ([]engine.Result, error) {
	results, err := q.Embedder.Embed(ctx, q.lane, inputs)
	if err != nil {
		return nil, err
	}
	q.result = results[0]
	return results, nil
}

// stages are those of a search that have taken place.
func stages(parsed time.Duration, e engine.Times, s search.Times) []transport.Timing {
	all := append([]transport.Timing{{Stage: "parse", Duration: parsed}}, timing(e)...)
	all = append(all, transport.Timing{Stage: "search", Duration: s.Find})
	if s.Draw > 0 {
		all = append(all, transport.Timing{Stage: "panorama", Duration: s.Draw})
	}
	if s.Rerank > 0 {
		all = append(all, transport.Timing{Stage: "rerank", Duration: s.Rerank})
	}
	return all
}

func answerReply(answer *search.Answer, contentType string, panorama bool) (*transport.Response, error) {
	if contentType == "image/jpeg" {
		return &transport.Response{ContentType: contentType, Body: answer.Panorama}, nil
	}
	reply := struct {
		*search.Answer
		Panorama []byte `json:"panorama,omitempty"` // as base64
	}{Answer: answer}
	if panorama {
		reply.Panorama = answer.Panorama
	}
	return jsonReply(reply)
}
