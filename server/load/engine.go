package load

import (
	"context"
	"net/http"

	"vbge/engine"
)

// Embedder is an engine; an *engine.Engine is one.
type Embedder interface {
	Do(ctx context.Context, r engine.Request) ([]engine.Result, error)
}

// InProcess is an engine that is called from bytes in memory to vectors, without a server.
type InProcess struct {
	Engine   Embedder
	Requests *Requests
}

// Send embeds the inputs of s.
func (t InProcess) Send(ctx context.Context, s Shot) (Reply, error) {
	request := engine.Request{Inputs: t.Requests.engineInputs(s)}
	if len(request.Inputs) == 1 { // as the server does
		request.Lane = engine.Interactive
	}
	results, err := t.Engine.Do(ctx, request)
	if err != nil {
		return Reply{}, err
	}
	y := Reply{Status: http.StatusOK}
	var longest engine.Times
	for _, r := range results {
		if r.Err != nil {
			y.Failed++
			y.Message = r.Err.Error()
			continue
		}
		y.Answers++
		longest.Wait = max(longest.Wait, r.Times.Wait)
		longest.Prepare = max(longest.Prepare, r.Times.Prepare)
		longest.Compute = max(longest.Compute, r.Times.Compute)
	}
	y.Stages = []Stage{{"wait", longest.Wait}, {"prepare", longest.Prepare}, {"compute", longest.Compute}}
	return y, nil
}

// Close does nothing: the engine is its owner's.
func (InProcess) Close() {}
