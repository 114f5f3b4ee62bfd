package api

import (
	"context"
	"net/http"
	"time"

	"vbge/engine"
	"vbge/server/fault"
	"vbge/server/items"
	"vbge/server/transport"
	"vbge/server/wire"
)

// Items keeps pictures; an *items.Store is one.
type Items interface {
	Add(ctx context.Context, pictures []items.New) ([]items.Added, error)
	Delete(ctx context.Context, id string) error
	Picture(ctx context.Context, id string) (file []byte, mediaType string, err error)
}

// addedItem is a picture that is in the catalogue now, or why it is not.
type addedItem struct {
	*keptItem
	Error *fault.Error `json:"error,omitempty"`
}

type keptItem struct {
	ID        string `json:"id"`
	ImagePath string `json:"image_path"`
	Existed   bool   `json:"existed"` // the same picture was there before
}

// addItems answers POST /v1/items.
func (a *api) addItems(ctx context.Context, r *transport.Request) (*transport.Response, error) {
	if !a.Embedder.Engine.Config().TakesPictures() {
		return nil, a.Embedder.explain(engine.ErrNoVision, engine.Bulk)
	}
	if err := a.keepsItems(); err != nil {
		return nil, err
	}
	began := time.Now()
	weight := min(int64(len(r.Body)), addedBytes)
	if err := a.turns.adding.Acquire(ctx, weight); err != nil {
		return nil, err
	}
	defer a.turns.adding.Release(weight)
	pictures, err := wire.ParseItems(contentType(r), r.Body, a.limits())
	if err != nil {
		return nil, err
	}
	parsed := time.Since(began)
	var good []items.New
	for _, p := range pictures {
		if p.Err == nil {
			good = append(good, items.New{Image: p.Image, Fields: p.Fields})
		}
	}
	var added []items.Added
	if len(good) > 0 {
		if added, err = a.Items.Add(ctx, good); err != nil {
			return nil, a.Embedder.refuse(ctx, err, engine.Bulk)
		}
	}
	reply, faults := a.outcomes(pictures, added)
	if err := faults.all(); err != nil {
		return nil, err
	}
	response, err := jsonReply(map[string]any{"items": reply})
	if err != nil {
		return nil, err
	}
	response.Timing = []transport.Timing{{Stage: "parse", Duration: parsed}}
	faults.report(response)
	return response, nil
}

// outcomes puts what became of the pictures that could be read among all that were sent.
func (a *api) outcomes(sent []wire.NewItem, added []items.Added) ([]addedItem, failures) {
	all, faults := make([]addedItem, len(sent)), make(failures, len(sent))
	for i, p := range sent {
		f := p.Err
		if f == nil {
			one := added[0]
			added = added[1:]
			all[i].keptItem = &keptItem{one.ID, one.ImagePath, one.Existed}
			if one.Err != nil {
				f = a.Embedder.explain(one.Err, engine.Bulk)
			}
		}
		if f != nil {
			all[i], faults[i] = addedItem{Error: f}, f
		}
	}
	return all, faults
}

func (a *api) deleteItem(ctx context.Context, r *transport.Request) (*transport.Response, error) {
	if err := a.keepsItems(); err != nil {
		return nil, err
	}
	if err := a.Items.Delete(ctx, r.Params["id"]); err != nil {
		return nil, a.Embedder.refuse(ctx, err, engine.Bulk)
	}
	return &transport.Response{Status: http.StatusNoContent}, nil
}

// picture answers GET /v1/items/{id}/image. Its bytes came from outside: a browser that is shown them
// alone gives them no rights.
func (a *api) picture(ctx context.Context, r *transport.Request) (*transport.Response, error) {
	if err := a.keepsItems(); err != nil {
		return nil, err
	}
	if err := a.turns.showing.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer a.turns.showing.Release(1)
	file, mediaType, err := a.Items.Picture(ctx, r.Params["id"])
	if err != nil {
		return nil, a.Embedder.refuse(ctx, err, engine.Interactive)
	}
	return &transport.Response{ContentType: mediaType, Body: file, Header: map[string]string{
		"Cache-Control":           "private, max-age=60",
		"Content-Security-Policy": "default-src 'none'; sandbox",
	}}, nil
}

func (a *api) keepsItems() error {
	if a.Items != nil {
		return nil
	}
	return fault.New(http.StatusNotFound, "no_catalog", "this server has no catalogue",
		"start it with --uri, and with --items-dir to add pictures")
}
