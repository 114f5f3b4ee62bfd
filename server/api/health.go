package api

import (
	"context"
	"net/http"
	"time"

	"vbge/engine"
	"vbge/server/fault"
	"vbge/server/transport"
)

// Health says whether the server should be started again, and whether it should get requests.
type Health interface {
	Live() error
	Ready(ctx context.Context) error
}

func (a *api) live(context.Context, *transport.Request) (*transport.Response, error) {
	if err := a.Health.Live(); err != nil {
		return nil, fault.New(http.StatusServiceUnavailable, "not_live", "the server cannot work any more: "+err.Error(),
			"start it again").Because(err)
	}
	return jsonReply(map[string]string{"status": "live"})
}

// ready says no while the server takes its leave, before it stops listening, so that a balancer
// sends requests elsewhere.
func (a *api) ready(ctx context.Context, _ *transport.Request) (*transport.Response, error) {
	if a.Stopping != nil && a.Stopping() {
		return nil, errStopping.After(time.Second)
	}
	if err := a.Health.Ready(ctx); err != nil {
		message := err.Error()
		if f := a.Embedder.explain(err, engine.Interactive); f.Code != errInternal.Code {
			message = f.Message
		}
		return nil, fault.New(http.StatusServiceUnavailable, "not_ready", "the server is not ready: "+message,
			"send requests to another server, or again after Retry-After seconds").Because(err).After(time.Second)
	}
	return jsonReply(struct {
		Status string `json:"status"`
		Images bool   `json:"images"` // whether inputs may be pictures
	}{"ready", a.Embedder.Engine.Config().TakesPictures()})
}
