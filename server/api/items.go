package api

import (
	"cmp"
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

// addedItem is a picture that was added, or why it was not.
type addedItem struct {
	ID        string       `json:"id,omitempty"`
	ImagePath string       `json:"image_path,omitempty"`
	Existed   bool         `json:"existed"` // the same picture was there already; its metadata is the new one
	Error     *fault.Error `json:"error,omitempty"`
}

// addItems answers POST /v1/items.
func (a *api) addItems(ctx context.Context, r *transport.Request) (*transport.Response, error) {
	if err := a.keepsItems(); err != nil {
		return nil, err
	}
	began := time.Now()
	pictures, err := wire.ParseItems(r.Header.Get("Content-Type"), r.Body, a.limits())
	if err != nil {
		return nil, err
	}
	parsed := time.Since(began)
	faults := make(failures, len(pictures))
	var good []items.New
	for i, p := range pictures {
		if faults[i] = p.Err; p.Err == nil {
			good = append(good, items.New{Image: p.Image, Fields: p.Fields})
		}
	}
	var added []items.Added
	if len(good) > 0 {
		if added, err = a.Items.Add(ctx, good); err != nil {
			return nil, a.Embedder.refuse(ctx, err, engine.Bulk)
		}
	}
	reply := struct {
		Items []addedItem `json:"items"` // in the order of the request
	}{make([]addedItem, len(pictures))}
	for i := range reply.Items {
		if faults[i] == nil {
			reply.Items[i] = addedItem{ID: added[0].ID, ImagePath: added[0].ImagePath, Existed: added[0].Existed}
			if added[0].Err != nil {
				faults[i] = a.Embedder.explain(added[0].Err, engine.Bulk)
			}
			added = added[1:]
		}
		if faults[i] != nil {
			reply.Items[i] = addedItem{Error: faults[i]}
		}
	}
	if err := faults.all(); err != nil {
		return nil, err
	}
	response, err := jsonReply(reply)
	if err != nil {
		return nil, err
	}
	response.Timing = []transport.Timing{{Stage: "parse", Duration: parsed}}
	faults.report(response)
	return response, nil
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
	return fault.New(http.StatusNotFound, "no_catalog", cmp.Or(a.NoItems, "this server has no catalogue"),
		"start it with --uri, and with --items-dir to add pictures")
}
