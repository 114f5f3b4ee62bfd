package api

import (
	"errors"
	"log/slog"
	"time"

	"vbge/engine"
	"vbge/server/fault"
	"vbge/server/transport"
	"vbge/server/wire"
)

// embedded is what became of a request's inputs.
type embedded struct {
	lane    engine.Lane
	vectors []wire.Vector // one for each input, in order
	faults  failures
	times   engine.Times // the longest of each
	tokens  int
	cached  int
}

func newEmbedded(lane engine.Lane, inputs int) *embedded {
	return &embedded{lane: lane, vectors: make([]wire.Vector, inputs), faults: make(failures, inputs)}
}

func (e *embedded) set(i int, r engine.Result) {
	e.times = engine.Times{
		Wait:    max(e.times.Wait, r.Times.Wait),
		Prepare: max(e.times.Prepare, r.Times.Prepare),
		Compute: max(e.times.Compute, r.Times.Compute),
	}
	if f, ok := errors.AsType[*fault.Error](r.Err); ok {
		e.vectors[i].Err, e.faults[i] = f, f
		return
	}
	e.vectors[i] = wire.Vector{Embedding: r.Embedding, Tokens: r.Tokens}
	e.tokens += r.Tokens
	if r.Cached {
		e.cached++
	}
}

func (e *embedded) reply(contentType string, body []byte, parsed, encoded time.Duration) *transport.Response {
	r := &transport.Response{ContentType: contentType, Body: body, Header: map[string]string{}}
	r.Timing = append(r.Timing, transport.Timing{Stage: "parse", Duration: parsed})
	r.Timing = append(r.Timing, timing(e.times)...)
	r.Timing = append(r.Timing, transport.Timing{Stage: "encode", Duration: encoded})
	e.faults.report(r)
	r.Log = append(r.Log, slog.Int("tokens", e.tokens), slog.Int("cached", e.cached), slog.String("lane", e.lane.String()))
	return r
}

func timing(t engine.Times) []transport.Timing {
	return []transport.Timing{
		{Stage: "wait", Duration: t.Wait}, {Stage: "prepare", Duration: t.Prepare}, {Stage: "compute", Duration: t.Compute},
	}
}
