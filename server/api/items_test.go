package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vbge/engine"
	"vbge/server/catalog"
	"vbge/server/items"
)

// keeping is a server that keeps pictures in a folder of its own.
func keeping(t *testing.T) (c *client, e *fakeEngine, store *fakeCatalog, dir string) {
	t.Helper()
	e, store, dir = &fakeEngine{}, newFakeCatalog(0), t.TempDir()
	embedder := &Embedder{Engine: e, QueueTimeout: 7 * time.Second}
	kept, err := items.Open(items.Options{Dir: dir, Catalog: store, Embed: embedder.Bulk})
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, Options{MaxItems: 4, MaxImageBytes: 1 << 20}, Services{Embedder: embedder, Search: store.searcher(), Items: kept}), e, store, dir
}

type addedReply struct {
	Items []struct {
		ID        string
		ImagePath string `json:"image_path"`
		Existed   bool
		Error     *struct{ Code, Message, Change, Param string }
	}
}

// TestItems adds, finds, shows and deletes a picture.
func TestItems(t *testing.T) {
	c, e, store, dir := keeping(t)
	file := picture(t, "rgb.png")
	text, err := json.Marshal(map[string]any{"items": []any{
		map[string]any{"image": base64.StdEncoding.EncodeToString(file), "fields": map[string]any{"kind": "shoe"}},
		map[string]any{"image": "bm90IGEgcGljdHVyZSwgYnV0IGxvbmcgZW5vdWdo"},
		map[string]any{"image": "?"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := c.send(post("/v1/items", string(text)))
	a := decode[addedReply](c, r)
	if len(a.Items) != 3 || a.Items[0].Error != nil || a.Items[0].Existed || filepath.Dir(filepath.Dir(a.Items[0].ImagePath)) != dir {
		t.Fatalf("%s", r.Body)
	}
	if a.Items[1].Error == nil || a.Items[1].Error.Code != "image_unreadable" || !strings.Contains(a.Items[1].Error.Change, "no TIFF") || a.Items[2].Error == nil || a.Items[2].Error.Param != "/items/2/image" {
		t.Errorf("%s", r.Body)
	}
	if r.Header["X-Failed-Items"] != "1,2" || r.Header["X-Failed-Count"] != "2" || logged(r)["failed"] != "2" {
		t.Errorf("headers %v, logged %v", r.Header, r.Log)
	}
	if got := e.last(); got.Lane != engine.Bulk || !got.NoWait || got.QueueTimeout != 7*time.Second {
		t.Errorf("%+v", got)
	}
	id := a.Items[0].ID
	if row := store.rows[id]; row.Fields["kind"] != "shoe" {
		t.Errorf("row %+v", row)
	}
	if a := decode[addedReply](c, c.send(post("/v1/items", string(file)).of("image/png"))); len(a.Items) != 1 || a.Items[0].ID != id || !a.Items[0].Existed {
		t.Errorf("again: %+v", a)
	}

	if r := c.send(get("/v1/items/" + id + "/image")); r.ContentType != "image/png" || string(r.Body) != string(file) || !strings.Contains(r.Header["Content-Security-Policy"], "sandbox") {
		t.Errorf("%s, %d bytes, %v", r.ContentType, len(r.Body), r.Header)
	}
	if r := c.send(message{method: "DELETE", target: "/v1/items/" + id}); r.Status != 204 || len(r.Body) != 0 || len(store.rows) != 0 {
		t.Errorf("%d %s, %d rows", r.Status, r.Body, len(store.rows))
	}
	if _, err := os.Stat(a.Items[0].ImagePath); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its file: %v", err)
	}
}

// TestItemsForm adds a picture that is a file of a form.
func TestItemsForm(t *testing.T) {
	c, _, store, _ := keeping(t)
	contentType, body := form(t, example{file: "rgb.png"})
	if a := decode[addedReply](c, c.send(post("/v1/items", body).of(contentType))); len(a.Items) != 1 || len(store.rows) != 1 {
		t.Errorf("%+v, %d rows", a, len(store.rows))
	}
}

// refusingItems refuses everything.
type refusingItems struct{ err error }

func (i refusingItems) Add(_ context.Context, news []items.New) ([]items.Added, error) {
	return make([]items.Added, len(news)), i.err
}
func (i refusingItems) Delete(context.Context, string) error { return i.err }
func (i refusingItems) Picture(context.Context, string) ([]byte, string, error) {
	return nil, "", i.err
}

func TestItemsRefusals(t *testing.T) {
	add, remove, show := post("/v1/items", "a picture").of("image/png"), message{method: "DELETE", target: "/v1/items/a"}, get("/v1/items/a/image")
	readOnly := items.ErrReadOnly
	missing := fmt.Errorf("%w: picture /etc/shadow: permission denied", items.ErrNotFound)
	foreign := fmt.Errorf("items: %w", catalog.ErrForeign)
	unreachable := fmt.Errorf("catalog: find: %w (dial tcp 10.0.0.5:19530)", catalog.ErrUnreachable)
	const (
		shown    = "send an id that a search has answered; pictures are shown from --items-dir and --images alone"
		milvus   = "send the request again after Retry-After seconds; if that does not help, see whether Milvus runs at --uri"
		another  = "start the server with another --collection to add and delete pictures"
		noSuch   = "there is no such item, or no picture of it that may be shown"
		searched = "the collection was made by something else than vbge: it can only be searched"
	)
	for name, x := range map[string]struct {
		err error
		refusal
	}{
		"add, no folder": {readOnly, refusal{request: add, status: 403, code: "items_read_only",
			message: "the server keeps no pictures: start it with --items-dir", change: "start the server with --items-dir, a folder for the pictures that are added"}},
		"add, foreign":        {foreign, refusal{request: add, status: 409, code: "read_only_collection", message: searched, change: another}},
		"add, no Milvus":      {unreachable, refusal{request: add, status: 503, code: "milvus_unreachable", retry: time.Second, message: "Milvus cannot be reached", change: milvus}},
		"add, queue full":     {fmt.Errorf("items: %w", engine.ErrQueueFull), refusal{request: add, status: 429, code: "queue_full", retry: time.Second, message: "as many inputs are waiting as --max-queue allows", change: again}},
		"delete, no such":     {missing, refusal{request: remove, status: 404, code: "no_such_item", message: noSuch, change: shown}},
		"delete, foreign":     {foreign, refusal{request: remove, status: 409, code: "read_only_collection", message: searched, change: another}},
		"show, no such":       {missing, refusal{request: show, status: 404, code: "no_such_item", message: noSuch, change: shown}},
		"show, no Milvus":     {unreachable, refusal{request: show, status: 503, code: "milvus_unreachable", retry: time.Second, message: "Milvus cannot be reached", change: milvus}},
		"add, nothing":        {nil, refusal{request: post("/v1/items", `{"items":[]}`).wrong(), status: 400, code: "no_items", message: "the body: there are none in items", change: "send at least one item"}},
		"add, no media type":  {nil, refusal{request: post("/v1/items", `{"items":[]}`).of("").wrong(), status: 415, code: "unsupported_media_type", param: "Content-Type", message: `Content-Type: this route reads no bodies of type ""`, change: "send application/json, multipart/form-data, or a picture's file as image/jpeg"}},
		"add, all unreadable": {nil, refusal{request: post("/v1/items", `{"items":[{"image":""},{"image":"","fields":{}}]}`), status: 400, code: "image_empty", param: "/items/0/image", message: "all 2 items failed; the first: /items/0/image: a picture without any bytes", change: "send the picture's bytes, or leave it out"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, Options{MaxItems: 4}, Services{Embedder: &Embedder{Engine: &fakeEngine{}}, Items: refusingItems{x.err}})
			x.check(t, c.send(x.request))
		})
	}
}
