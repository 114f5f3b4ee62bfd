package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"vbge/engine"
	"vbge/server/catalog"
	"vbge/server/fault"
	"vbge/server/search"
	"vbge/server/transport"
)

// catalogued is a server with n pictures in its catalogue.
func catalogued(t *testing.T, n int) (*client, *fakeEngine, *fakeCatalog, *search.Searcher) {
	t.Helper()
	e, c := &fakeEngine{errors: words}, newFakeCatalog(n)
	s := c.searcher()
	embedder := &Embedder{Engine: e, QueueTimeout: 7 * time.Second}
	return newClient(t, Options{MaxItems: 4, MaxImageBytes: 1 << 20}, Services{Embedder: embedder, Search: s}), e, c, s
}

// TestSearch: the answer is that of `vbge search --json`, byte by byte.
func TestSearch(t *testing.T) {
	c, e, store, s := catalogued(t, 2)
	r := c.send(post("/v1/search", `{"text":"a","limit":5,"filter":"kind == \"shoe\""}`))
	const results = `{"results":[{"rank":0,"id":"id00","image_path":"<0>.png","score":1},{"rank":1,"id":"id01","image_path":"<1>.png","score":1}],`
	if want := results + `"reranked":false,"ranked":[],"best":null,"explanation":"","reason":""}` + "\n"; string(r.Body) != want {
		t.Errorf("%swant %s", r.Body, want)
	}
	if store.limit != 5 || store.filter != `kind == "shoe"` {
		t.Errorf("limit %d, filter %s", store.limit, store.filter)
	}
	got := e.last()
	if got.Lane != engine.Interactive || !got.NoWait || got.QueueTimeout != 7*time.Second || len(got.Inputs) != 1 || got.Inputs[0].Text != "a" {
		t.Errorf("%+v", got)
	}
	if l := logged(r); l["results"] != "2" || l["tokens"] != "3" || l["reranked"] != "false" || l["lane"] != "interactive" {
		t.Errorf("logged %v", l)
	}

	s.Reranker = fakeReranker{}
	r = c.send(post("/v1/search", `{"text":"a","rerank":true}`, "X-Priority", "bulk"))
	if want := results + `"reranked":true,"ranked":[1,0],"best":1,"explanation":"it is <last>","reason":""}` + "\n"; string(r.Body) != want {
		t.Errorf("%swant %s", r.Body, want)
	}
	if store.limit != 9 || e.last().Lane != engine.Bulk {
		t.Errorf("limit %d, lane %d", store.limit, e.last().Lane)
	}
	var names []string
	for _, stage := range r.Timing {
		names = append(names, stage.Stage)
	}
	if got := strings.Join(names, " "); got != "parse wait prepare compute search panorama rerank" {
		t.Errorf("stages %s", got)
	}
}

// TestSearchesAtOnce: none gets another's vector, and the Searcher that they share stays as it is.
func TestSearchesAtOnce(t *testing.T) {
	c, _, _, s := catalogued(t, 2)
	route, _ := c.route("POST", "/v1/search")
	var searches errgroup.Group
	for i := range 8 {
		text, code := "a", ""
		if i%2 == 1 {
			text, code = "broken", "image_unreadable"
		}
		searches.Go(func() error {
			_, err := route.Handle(t.Context(), &transport.Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"text":"` + text + `"}`)})
			if f, ok := errors.AsType[*fault.Error](err); err != nil && (!ok || f.Code != code) || (err != nil) != (code != "") {
				return fmt.Errorf("%s: %w", text, err)
			}
			return nil
		})
	}
	if err := searches.Wait(); err != nil {
		t.Error(err)
	}
	if s.Embedder != nil {
		t.Error("the Searcher that all share has an Embedder now")
	}
}

// TestRerankFails: what was found is there, with the reason.
func TestRerankFails(t *testing.T) {
	c, _, _, s := catalogued(t, 2)
	for want, set := range map[string]func(){
		"there is no language model to rank with":    func() {},
		"no key for reranking: set OPENAI_API_KEY":   func() { s.NoRerank = errors.New("no key for reranking: set OPENAI_API_KEY") },
		"gpt-4o did not answer within 1m0s, <sorry>": func() { s.Reranker = fakeReranker{errors.New("gpt-4o did not answer within 1m0s, <sorry>")} },
	} {
		s.Reranker, s.NoRerank = nil, nil
		set()
		a := decode[search.Answer](c, c.send(post("/v1/search", `{"text":"a","rerank":true}`)))
		if len(a.Results) != 2 || a.Reranked || a.Best != nil || a.Reason != want {
			t.Errorf("%+v, want the reason %q", a, want)
		}
	}
}

// TestSearchForms sends one query in every form that it may have.
func TestSearchForms(t *testing.T) {
	c, e, store, _ := catalogued(t, 2)
	file := picture(t, "rgb.png")
	contentType, body := form(t, example{file: "rgb.png", text: "as a drawing"})
	end := strings.LastIndex(body, "\r\n--")
	boundary := body[end+2 : strings.LastIndex(body, "--\r\n")]
	for name, value := range map[string]string{"limit": "3", "filter": "year > 3", "rerank": "false"} {
		body = fmt.Sprintf("%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n%s", boundary, name, value, body)
	}
	text, err := json.Marshal(map[string]any{"image": base64.StdEncoding.EncodeToString(file), "text": "as a drawing", "limit": 3, "filter": "year > 3"})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]message{
		"JSON": post("/v1/search", string(text)),
		"form": post("/v1/search", body).of(contentType),
		"file": post("/v1/search?text=as+a+drawing&limit=3&filter=year+%3E+3", string(file)).of("image/png"),
	} {
		store.limit, store.filter = 0, ""
		if r := c.send(m); r.fault != nil {
			t.Errorf("%s: %v", name, r.fault)
			continue
		}
		if in := e.last().Inputs; len(in) != 1 || !bytes.Equal(in[0].Image, file) || in[0].Text != "as a drawing" {
			t.Errorf("%s: %d inputs, %d bytes, text %q", name, len(in), len(in[0].Image), in[0].Text)
		}
		if store.limit != 3 || store.filter != "year > 3" {
			t.Errorf("%s: limit %d, filter %q", name, store.limit, store.filter)
		}
	}
}

func TestPanorama(t *testing.T) {
	c, _, _, _ := catalogued(t, 2)
	size := func(file io.Reader) string {
		config, err := jpeg.DecodeConfig(file)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(config.Width, "x", config.Height)
	}
	r := c.send(post("/v1/search", `{"text":"a"}`, "Accept", "image/jpeg"))
	if got := size(bytes.NewReader(r.Body)); r.ContentType != "image/jpeg" || got != "1200x900" {
		t.Errorf("%s, %s", r.ContentType, got)
	}
	for _, accept := range []string{"", "*/*", "application/json, image/jpeg;q=0.9"} {
		m := post("/v1/search", `{"text":"a","panorama":true}`)
		if accept != "" {
			m.header.Set("Accept", accept)
		}
		a := decode[struct {
			Results  []any
			Panorama []byte
		}](c, c.send(m))
		if got := size(bytes.NewReader(a.Panorama)); len(a.Results) != 2 || got != "1200x900" {
			t.Errorf("Accept %q: %d results, %s", accept, len(a.Results), got)
		}
	}
	if r := c.send(post("/v1/search", `{"text":"a"}`)); strings.Contains(string(r.Body), "panorama") {
		t.Errorf("nobody asked for a panorama: %s", r.Body)
	}
}

func TestSearchRefusals(t *testing.T) {
	unreachable := fmt.Errorf("catalog: search: %w (dial tcp 10.0.0.5:19530)", catalog.ErrUnreachable)
	for name, x := range map[string]struct {
		refusal
		catalog error
	}{
		"nothing": {refusal: refusal{request: post("/v1/search", `{}`).wrong(), status: 400, code: "empty_item",
			message: "the body: neither a picture nor words", change: "send a picture, words, or both"}},
		"limit 0": {refusal: refusal{request: post("/v1/search", `{"text":"a","limit":0}`).wrong(), status: 400, code: "invalid_value", param: "/limit",
			message: `/limit: "0" is no whole number from 1 to 16384`, change: "send a whole number from 1 to 16384"}},
		"a large limit": {refusal: refusal{request: post("/v1/search?limit=16385", "file").of("image/png").wrong(), status: 400, code: "invalid_value", param: "/limit",
			message: `/limit: "16385" is no whole number from 1 to 16384`, change: "send a whole number from 1 to 16384"}},
		"filter": {refusal: refusal{request: post("/v1/search", `{"text":"a","filter":"?"}`), status: 400, code: "invalid_filter",
			message: "catalog: search: Milvus does not understand the filter ?: want an expression", change: `write the filter as a Milvus expression over metadata, such as kind == "shoe"`}},
		"unreadable": {refusal: refusal{request: post("/v1/search", `{"text":"broken"}`), status: 400, code: "image_unreadable",
			message: "unreadable picture: begins with 62 72", change: whole}},
		"too late": {refusal: refusal{request: post("/v1/search", `{"text":"late"}`), status: 503, code: "queue_timeout", retry: time.Second,
			message: "the input waited for longer than --queue-timeout allows", change: againLater}},
		"queue full": {refusal: refusal{request: post("/v1/search", `{"text":"a"}`), engine: engine.ErrQueueFull, status: 429, code: "queue_full", retry: time.Second,
			message: "as many inputs are waiting as --max-queue allows", change: again}},
		"no Milvus": {refusal: refusal{request: post("/v1/search", `{"text":"a"}`), status: 503, code: "milvus_unreachable", retry: time.Second,
			message: "Milvus cannot be reached", change: "send the request again after Retry-After seconds; if that does not help, see whether Milvus runs at --uri"}, catalog: unreachable},
		"a query that is not read": {refusal: refusal{request: post("/v1/search?limit=3", `{"text":"a"}`), status: 400, code: "unknown_field", param: "/query",
			message: "the query is read only beside a body that is a picture's file", change: "put into the body what it says"}},
		"media type": {refusal: refusal{request: post("/v1/search", `{"text":"a"}`).of("text/plain").wrong(), status: 415, code: "unsupported_media_type", param: "Content-Type",
			message: `Content-Type: this route reads no bodies of type "text/plain"`, change: "send application/json, multipart/form-data, or a picture's file as image/jpeg"}},
		"no such reply": {refusal: refusal{request: post("/v1/search", `{"text":"a"}`, "Accept", "text/html"), status: 406, code: "not_acceptable", param: "Accept",
			message: "Accept: neither JSON nor a JPEG, the panorama", change: "accept application/json or image/jpeg"}},
		"priority": {refusal: refusal{request: post("/v1/search", `{"text":"a"}`, "X-Priority", "now").wrong(), status: 400, code: "invalid_priority", param: "X-Priority",
			message: "the header X-Priority is neither interactive nor bulk", change: "send one of these, or leave it out: one input is interactive, several are bulk"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, e, store, _ := catalogued(t, 2)
			e.refuse, store.refuse = x.engine, x.catalog
			x.check(t, c.send(x.request))
		})
	}
}
