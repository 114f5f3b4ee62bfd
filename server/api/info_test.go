package api

import (
	"errors"
	"strings"
	"testing"

	"vbge/server/items"
)

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
	const model = `{"version":"1.2","model":"base","model_id":"5ada","dimension":3,"device":"cpu","precision":"float32","max_tokens":{"text":512,"image":316},`
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
