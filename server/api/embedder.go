package api

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"vbge/engine"
	"vbge/server/fault"
	"vbge/server/transport"
	"vbge/weights"
)

// Engine is what an *engine.Engine does for the server.
type Engine interface {
	Do(ctx context.Context, r engine.Request) ([]engine.Result, error)
	Full(lane engine.Lane) bool
	Ready() error
	Config() weights.Config
	Dimension() int
	ModelID() string
	Device() string
	Precision() string
	PrecisionReason() string
	FastJPEG() bool
}

// Embedder has inputs embedded without waiting for room in the queue, and says what went wrong as
// clients hear it. Its fields are set once, before its first use.
type Embedder struct {
	Engine       Engine
	QueueTimeout time.Duration // longest wait for a computation to begin: --queue-timeout
	// Wrong says why vectors are not to be used, which are refused then; nil is never.
	Wrong func(ctx context.Context) error
	// Observe is told what became of each input: kind is text, image or pair, code that of its fault,
	// or "" with a vector. It is called from many goroutines; nil is nobody.
	Observe func(kind string, lane engine.Lane, code string, r engine.Result)

	wait waits // that inputs have had of late
}

// Bulk embeds inputs that nobody is waiting for as Embed does.
func (e *Embedder) Bulk(ctx context.Context, inputs []engine.Input) ([]engine.Result, error) {
	return e.Embed(ctx, engine.Bulk, inputs)
}

// Embed returns a result for each input, in order; the errors of results are each a *fault.Error. The
// error is of the call as a whole: a *fault.Error, or that of ctx.
func (e *Embedder) Embed(ctx context.Context, lane engine.Lane, inputs []engine.Input) ([]engine.Result, error) {
	if len(inputs) == 0 {
		return nil, nil
	}
	if e.Wrong != nil {
		if err := e.Wrong(ctx); err != nil {
			return nil, errWrong.Because(err).After(time.Second)
		}
	}
	results, err := e.Engine.Do(ctx, engine.Request{Inputs: inputs, Lane: lane, NoWait: true, QueueTimeout: e.QueueTimeout})
	if len(results) != len(inputs) { // it is refused as a whole
		results = make([]engine.Result, len(inputs))
	}
	for i := range results {
		r := &results[i]
		switch {
		case r.Embedding == nil:
			r.Err = e.explain(cmp.Or(r.Err, err), lane)
		case !finite(r.Embedding):
			r.Embedding, r.Err = nil, errNotFinite
		}
		e.count(lane, inputs[i], *r)
	}
	if err != nil {
		return results, e.refuse(ctx, err, lane)
	}
	return results, nil
}

func (e *Embedder) count(lane engine.Lane, in engine.Input, r engine.Result) {
	if r.Err == nil || r.Times.Wait > 0 {
		e.wait.observe(lane, r.Times.Wait)
	}
	if e.Observe == nil {
		return
	}
	code := ""
	if f, ok := errors.AsType[*fault.Error](r.Err); ok {
		code = f.Code
	}
	e.Observe(kindOf(in), lane, code, r)
}

func kindOf(in engine.Input) string {
	switch {
	case in.Image == nil:
		return "text"
	case in.Text == "" && len(in.IDs) == 0:
		return "image"
	}
	return "pair"
}

// finite reports whether no value is infinite or NaN: the sum would be, too.
func finite(values []float32) bool {
	sum := 0.0
	for _, v := range values {
		sum += math.Abs(float64(v))
	}
	return sum <= math.MaxFloat64
}

// laneOf returns the lane that the header X-Priority asks for, else the usual one.
func laneOf(r *transport.Request, usual engine.Lane) (engine.Lane, error) {
	asked := r.Header.Get("X-Priority")
	if asked == "" {
		return usual, nil
	}
	for _, lane := range []engine.Lane{engine.Bulk, engine.Interactive} {
		if strings.EqualFold(asked, lane.String()) {
			return lane, nil
		}
	}
	return 0, fault.New(http.StatusBadRequest, "invalid_priority",
		"the header X-Priority is neither interactive nor bulk",
		"send one of these, or leave it out: one input is interactive, several are bulk").At("X-Priority")
}
