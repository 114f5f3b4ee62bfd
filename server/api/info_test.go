package api

import (
	"errors"
	"strings"
	"testing"

	"vbge/engine"
	"vbge/server/items"
)

// TestTextsAlone: a model without a vision tower is known by /info and /health, and no picture is added.
func TestTextsAlone(t *testing.T) {
	catalogue := newFakeCatalog(9)
	c := newClient(t, Options{}, Services{Embedder: &Embedder{Engine: &fakeEngine{texts: true}}, Search: catalogue.searcher(),
		Items: &items.Store{}, Health: fakeHealth{}})
	for target, want := range map[string]string{
		"/info":         `"pooling":"mean","images":{"available":false,"reason":"this model has no vision tower: it embeds texts alone","fast_jpeg":false}`,
		"/health":       `{"status":"ready","images":false}`,
		"/health/ready": `{"status":"ready","images":false}`,
	} {
		if r := c.send(get(target)); r.Status != 200 || !strings.Contains(string(r.Body), want) {
			t.Errorf("%s: %d %s, want %s", target, r.Status, r.Body, want)
		}
	}
	if r := c.send(get("/info")); !strings.Contains(string(r.Body), `"max_tokens":{"text":512,"image":0}`) {
		t.Errorf("/info: %s", r.Body)
	}
	if r := c.send(post("/v1/search", `{"text":"a red car"}`)); r.Status != 200 || r.fault != nil {
		t.Errorf("/v1/search by words: %d %s", r.Status, r.Body)
	}
	if r := c.send(post("/v1/search?text=in+red", string(picture(t, "rgb.png"))).of("image/png")); r.fault == nil || r.fault.Code != "no_vision" {
		t.Errorf("/v1/search by a picture: %+v", r)
	}
	// Without a catalogue, too, no flag would help against what the model lacks.
	alone := newClient(t, Options{NoItems: engine.ErrNoVision.Error()}, Services{Embedder: &Embedder{Engine: &fakeEngine{texts: true}}})
	for _, c := range []*client{c, alone} {
		if r := c.send(post("/v1/items", "a picture").of("image/png")); r.fault == nil || r.fault.Code != "no_vision" {
			t.Errorf("/v1/items: %v", r.fault)
		}
	}
	if r := alone.send(get("/v1/items/a/image")); r.fault == nil || r.fault.Code != "no_catalog" || strings.Contains(r.fault.Message, "vision") {
		t.Errorf("/v1/items/a/image: %v", r.fault)
	}
}

func TestInfo(t *testing.T) {
	catalogue := newFakeCatalog(9)
	full := Services{Embedder: &Embedder{Engine: &fakeEngine{}}, Search: catalogue.searcher(), Items: &items.Store{}}
	full.Search.Reranker = fakeReranker{}
	noKey := full
	noKey.Search = catalogue.searcher()
	noKey.Search.NoRerank = errors.New("no key for reranking")
	down := full
	gone := newFakeCatalog(9)
	gone.refuse = errors.New("no answer")
	down.Search = gone.searcher()
	const model = `{"version":"1.2","model":"base","model_id":"5ada","dimension":3,"pooling":"cls","images":{"available":true,"reason":"","fast_jpeg":true},"device":"cpu","precision":"float32","precision_reason":"as asked for","max_tokens":{"text":512,"image":316},`
	for name, x := range map[string]struct {
		options  Options
		services Services
		want     string
	}{
		"all there is": {
			Options{RerankModel: "gpt-4o", Limits: []Limit{{"--max-items", 1024, "items", "of one request"}, {"--queue-timeout", "10s", "", "longest wait"}}}, full,
			`"search":{"available":true,"reason":"","rerank":true,"rerank_model":"gpt-4o","rerank_reason":"","pictures":9},"items":{"available":true,"reason":""},` +
				`"limits":[{"flag":"--max-items","value":1024,"unit":"items","meaning":"of one request"},{"flag":"--queue-timeout","value":"10s","unit":"","meaning":"longest wait"}]}`,
		},
		"embeddings alone": {
			Options{}, Services{Embedder: full.Embedder},
			`"search":{"available":false,"reason":"the server has no catalogue: start it with --uri","rerank":false,"rerank_model":"","rerank_reason":"there is nothing to rank"},` +
				`"items":{"available":false,"reason":"the server keeps no pictures: start it with --uri and --items-dir"},"limits":[]}`,
		},
		"no key, no folder": {
			Options{RerankModel: "gpt-4o", NoItems: "start it with --items-dir"}, noKey,
			`"search":{"available":true,"reason":"","rerank":false,"rerank_model":"gpt-4o","rerank_reason":"no key for reranking","pictures":9},"items":{"available":false,"reason":"start it with --items-dir"},"limits":[]}`,
		},
		"Milvus does not answer": {
			Options{}, down,
			`"search":{"available":true,"reason":"","rerank":false,"rerank_model":"","rerank_reason":"there is no language model to rank with"},"items":{"available":true,"reason":""},"limits":[]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			x.options.Version, x.options.Model = "1.2", "base"
			r := newClient(t, x.options, x.services).send(get("/info"))
			if got := strings.TrimSpace(string(r.Body)); got != model+x.want {
				t.Errorf("%s\nwant\n%s", got, model+x.want)
			}
		})
	}
}
