package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"vbge/engine"
	"vbge/server/catalog"
	"vbge/server/fault"
	"vbge/server/transport"
	"vbge/server/wire"
)

// embeddings answers POST /v1/embeddings, in OpenAI's shape.
func (a *api) embeddings(ctx context.Context, r *transport.Request) (*transport.Response, error) {
	began := time.Now()
	if err := wire.CheckJSON(contentType(r)); err != nil {
		return nil, err
	}
	q, err := inTurn(ctx, a.turns, r.Body, func() (*wire.Embeddings, error) { return wire.ParseOpenAI(r.Body, a.limits()) })
	if err != nil {
		return nil, err
	}
	parsed := time.Since(began)
	e, err := a.embed(ctx, r, q)
	if err != nil {
		return nil, err
	}
	encoding := time.Now()
	body := wire.AppendOpenAI(nil, cmp.Or(q.Model, a.Model), q.Encoding, e.vectors)
	return e.reply("application/json", body, parsed, time.Since(encoding)), nil
}

// embedTEI answers POST /embed: TEI's JSON, a form, or a picture's bytes; with JSON or bare numbers.
func (a *api) embedTEI(ctx context.Context, r *transport.Request) (*transport.Response, error) {
	began := time.Now()
	dtype, binary, err := wire.ParseAccept(accept(r))
	if err != nil {
		return nil, err
	}
	q, err := inTurn(ctx, a.turns, r.Body, func() (*wire.Embeddings, error) {
		return wire.ParseEmbed(contentType(r), r.Body, r.Query, a.limits())
	})
	if err != nil {
		return nil, err
	}
	parsed := time.Since(began)
	e, err := a.embed(ctx, r, q)
	if err != nil {
		return nil, err
	}
	encoding := time.Now()
	if !binary {
		body := wire.AppendTEI(nil, e.vectors)
		return e.reply("application/json", body, parsed, time.Since(encoding)), nil
	}
	if err := e.faults.partial(); err != nil {
		return nil, err
	}
	body := wire.AppendBinary(nil, dtype, e.vectors)
	reply := e.reply(dtype.ContentType(), body, parsed, time.Since(encoding))
	reply.Header["X-Embedding-Shape"] = fmt.Sprintf("%d,%d", len(e.vectors), a.Embedder.Engine.Dimension())
	reply.Header["X-Embedding-Dtype"] = string(dtype)
	return reply, nil
}

func contentType(r *transport.Request) string { return r.Header.Get("Content-Type") }

func accept(r *transport.Request) string { return strings.Join(r.Header.Values("Accept"), ",") }

func (a *api) limits() wire.Limits {
	return wire.Limits{MaxItems: a.MaxItems, MaxImageBytes: a.MaxImageBytes, MaxResults: catalog.MaxLimit}
}

// embed computes a parsed request. The error is of the request as a whole: one that all of its inputs
// share, or that leaves no vector.
func (a *api) embed(ctx context.Context, r *transport.Request, q *wire.Embeddings) (*embedded, error) {
	if n := a.Embedder.Engine.Dimension(); q.Dimensions != 0 && q.Dimensions != n {
		return nil, fault.New(http.StatusBadRequest, "invalid_dimensions",
			fmt.Sprintf("%d dimensions are asked for: the model's vectors have %d, and it is not trained for shorter ones (Matryoshka)", q.Dimensions, n),
			fmt.Sprintf("leave dimensions out, or send %d", n)).At("/dimensions")
	}
	usual := engine.Bulk
	if len(q.Items) == 1 {
		usual = engine.Interactive
	}
	lane, err := laneOf(r, usual)
	if err != nil {
		return nil, err
	}
	inputs := make([]engine.Input, 0, len(q.Items))
	for _, item := range q.Items {
		if item.Err == nil {
			inputs = append(inputs, item.Input)
		}
	}
	results, err := a.Embedder.Embed(ctx, lane, inputs)
	if err != nil {
		return nil, err
	}
	e := newEmbedded(lane, len(q.Items))
	for i, item := range q.Items {
		result := engine.Result{Err: item.Err}
		if item.Err == nil {
			result, results = results[0], results[1:]
		}
		e.set(i, result)
	}
	return e, e.faults.all()
}
