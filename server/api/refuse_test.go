package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vbge/engine"
	"vbge/engine/pixels"
)

// words are inputs that fakeEngine refuses.
var words = map[string]error{
	"broken": fmt.Errorf("%w: begins with 62 72", pixels.ErrFormat),
	"large":  fmt.Errorf("%w: 9 x 9 pixels, limit 80 in all (set by --max-pixels)", pixels.ErrTooLarge),
	"late":   engine.ErrQueueTimeout,
	"bug":    errors.New("index out of range at 0xc000"),
}

func fakes(t *testing.T) (*client, *fakeEngine, *Embedder) {
	t.Helper()
	e := &fakeEngine{errors: words}
	embedder := &Embedder{Engine: e, QueueTimeout: 7 * time.Second}
	return newClient(t, Options{Model: "base", MaxItems: 4, MaxImageBytes: 100}, Services{Embedder: embedder}), e, embedder
}

// refusal is a request with the one answer that it gets.
type refusal struct {
	request message
	engine  error // of the call as a whole
	status  int
	code    string
	message string
	change  string
	param   string
	retry   time.Duration
}

func (x refusal) check(t *testing.T, r reply) {
	t.Helper()
	if r.fault == nil {
		t.Fatalf("it is answered: %d %.200s", r.Status, r.Body)
	}
	if r.Status != x.status || r.fault.Code != x.code || r.fault.Param != x.param || r.fault.RetryAfter != x.retry {
		t.Errorf("%d %s at %q, retry after %v; want %d %s at %q, retry after %v",
			r.Status, r.fault.Code, r.fault.Param, r.fault.RetryAfter, x.status, x.code, x.param, x.retry)
	}
	if r.fault.Message != x.message || r.fault.Change != x.change {
		t.Errorf("message %q, change %q\nwant    %q, change %q", r.fault.Message, r.fault.Change, x.message, x.change)
	}
}

const (
	again      = "send the request again after Retry-After seconds; more servers or a larger --max-queue take more"
	againLater = "send the request again after Retry-After seconds; more servers or a longer --queue-timeout take more"
	whole      = "send a whole JPEG, PNG, WebP, GIF, BMP or TIFF file"
	smaller    = "send a smaller picture: the model sees 224 pixels a side; --max-image-bytes and --max-pixels set the limits"
)

// TestRefusals has what this package refuses; what package wire refuses in a body, its tests have.
func TestRefusals(t *testing.T) {
	const words = `{"input":["a","b"]}`
	binary := []string{"Accept", "application/octet-stream"}
	for name, x := range map[string]refusal{
		"no media type": {request: post("/v1/embeddings", words).of("").wrong(), status: 415, code: "unsupported_media_type", param: "Content-Type",
			message: `Content-Type: this route reads no bodies of type ""`, change: "send application/json"},
		"another media type": {request: post("/v1/embeddings", words).of("text/plain; charset=utf-8").wrong(), status: 415, code: "unsupported_media_type", param: "Content-Type",
			message: `Content-Type: this route reads no bodies of type "text/plain"`, change: "send application/json"},
		"another media type, TEI": {request: post("/embed", words).of("application/x-www-form-urlencoded").wrong(), status: 415, code: "unsupported_media_type", param: "Content-Type",
			message: `Content-Type: this route reads no bodies of type "application/x-www-form-urlencoded"`, change: "send application/json, multipart/form-data, or a picture's file as image/jpeg"},
		"no JSON": {request: post("/v1/embeddings", "{").wrong(), status: 400, code: "invalid_json",
			message: "the body is not JSON: it ends too soon, after 1 bytes", change: "send one JSON object in UTF-8"},
		"too many items": {request: post("/v1/embeddings", `{"input":["1","2","3","4","5"]}`), status: 413, code: "too_many_items", param: "/input",
			message: "/input: more than 4 items (set by --max-items)", change: "send them in several requests, or raise --max-items"},
		"dimensions": {request: post("/v1/embeddings", `{"input":"a","dimensions":2}`), status: 400, code: "invalid_dimensions", param: "/dimensions",
			message: "2 dimensions are asked for: the model's vectors have 3, and it is not trained for shorter ones (Matryoshka)", change: "leave dimensions out, or send 3"},
		"dimensions, TEI": {request: post("/embed", `{"inputs":"a","dimensions":4}`), status: 400, code: "invalid_dimensions", param: "/dimensions",
			message: "4 dimensions are asked for: the model's vectors have 3, and it is not trained for shorter ones (Matryoshka)", change: "leave dimensions out, or send 3"},
		"priority": {request: post("/v1/embeddings", words, "X-Priority", "high").wrong(), status: 400, code: "invalid_priority", param: "X-Priority",
			message: "the header X-Priority is neither interactive nor bulk", change: "send one of these, or leave it out: one input is interactive, several are bulk"},
		"a query that is not read": {request: post("/embed?truncate=true", `{"inputs":"a"}`), status: 400, code: "unknown_field", param: "/query",
			message: "the query is read only beside a body that is a picture's file", change: "put into the body what it says"},
		"no such reply": {request: post("/embed", `{"inputs":"a"}`, "Accept", "text/html"), status: 406, code: "not_acceptable", param: "Accept",
			message: "Accept: neither JSON nor application/octet-stream", change: "accept application/json, or application/octet-stream with dtype=float32, dtype=float16 or dtype=int8"},

		"queue full": {request: post("/v1/embeddings", words), engine: engine.ErrQueueFull, status: 429, code: "queue_full", retry: time.Second,
			message: "as many inputs are waiting as --max-queue allows", change: again},
		"queue full, binary": {request: post("/embed", `{"inputs":"a"}`, binary...), engine: engine.ErrQueueFull, status: 429, code: "queue_full", retry: time.Second,
			message: "as many inputs are waiting as --max-queue allows", change: again},
		"closed": {request: post("/embed", `{"inputs":"a"}`), engine: engine.ErrClosed, status: 503, code: "stopping", retry: time.Second,
			message: "the server is being stopped", change: "send the request to another server, or again after Retry-After seconds"},
		"a bug": {request: post("/embed", `{"inputs":"a"}`), engine: errors.New("at 0xc000"), status: 500, code: "internal",
			message: "the server failed at this", change: "report it; the server's log has the cause"},

		"one, unreadable": {request: post("/v1/embeddings", `{"input":"broken"}`), status: 400, code: "image_unreadable",
			message: "unreadable picture: begins with 62 72", change: whole},
		"one, too large": {request: post("/embed", `{"inputs":["large"]}`), status: 413, code: "image_too_large",
			message: "picture too large: 9 x 9 pixels, limit 80 in all (set by --max-pixels)", change: smaller},
		"one, too late": {request: post("/embed", `{"inputs":["late"]}`), status: 503, code: "queue_timeout", retry: time.Second,
			message: "the input waited for longer than --queue-timeout allows", change: againLater},
		"one, a bug": {request: post("/embed", `{"inputs":["bug"]}`), status: 500, code: "internal",
			message: "the server failed at this", change: "report it; the server's log has the cause"},
		"one, no base64": {request: post("/v1/embeddings", `{"input":{"image":"/etc/passwd"}}`), status: 400, code: "image_too_short", param: "/input/image",
			message: "/input/image: 8 bytes are no picture", change: "send the picture's bytes as a data URL (data:image/jpeg;base64,...) or as plain base64; paths and URLs are never opened"},
		"all alike": {request: post("/v1/embeddings", `{"input":["broken","broken",{}]}`), status: 400, code: "image_unreadable",
			message: "all 3 items failed; the first: unreadable picture: begins with 62 72", change: whole},
		"all too late": {request: post("/embed", `{"inputs":["late","late"]}`), status: 503, code: "queue_timeout", retry: time.Second,
			message: "all 2 items failed; the first: the input waited for longer than --queue-timeout allows", change: againLater},
		"each in its way": {request: post("/embed", `{"inputs":["large","broken"]}`), status: 422, code: "all_failed",
			message: "all 2 items failed; the first: picture too large: 9 x 9 pixels, limit 80 in all (set by --max-pixels)",
			change:  "send them one by one to learn what each of them lacks; the first: " + smaller},
		"some, binary": {request: post("/embed", `{"inputs":["a","late",{},"b"]}`, binary...), status: 422, code: "partial_failure",
			message: "2 of 4 items failed, and a binary reply has no place for that: numbers 1,2; the first: the input waited for longer than --queue-timeout allows",
			change:  "leave them out, or ask for JSON, which has null in their place; the first: " + againLater},

		"no catalogue": {request: post("/v1/search", `{"text":"a"}`), status: 404, code: "no_catalog",
			message: "this server has no catalogue to search", change: "start it with --uri, the catalogue that `vbge index` made"},
		"no catalogue to add to": {request: post("/v1/items", `{"items":[{"image":"QUFB"}]}`), status: 404, code: "no_catalog",
			message: "this server has no catalogue", change: "start it with --uri, and with --items-dir to add pictures"},
		"no catalogue to delete from": {request: message{method: "DELETE", target: "/v1/items/a"}, status: 404, code: "no_catalog",
			message: "this server has no catalogue", change: "start it with --uri, and with --items-dir to add pictures"},
		"no catalogue to show": {request: get("/v1/items/a/image"), status: 404, code: "no_catalog",
			message: "this server has no catalogue", change: "start it with --uri, and with --items-dir to add pictures"},
	} {
		t.Run(name, func(t *testing.T) {
			c, e, _ := fakes(t)
			e.refuse = x.engine
			x.check(t, c.send(x.request))
		})
	}
}

// TestSomeFail: one bad item never costs the others anything.
func TestSomeFail(t *testing.T) {
	c, _, _ := fakes(t)
	const ok, queued = `[0.6,0,-0.8]`, `{"code":"queue_timeout","message":"the input waited for longer than --queue-timeout allows","change":"` + againLater + `","type":"server_error"}`
	const empty = `{"code":"empty_item","message":"/input/2: neither a picture nor words","change":"send a picture, words, or both","type":"invalid_request_error","param":"/input/2"}`
	for name, x := range map[string]struct{ target, body, want string }{
		"OpenAI": {"/v1/embeddings", `{"input":["a","late",{},"b"]}`,
			`{"object":"list","data":[{"object":"embedding","index":0,"embedding":` + ok + `},{"object":"embedding","index":1,"embedding":null,"error":` + queued + `},` +
				`{"object":"embedding","index":2,"embedding":null,"error":` + empty + `},{"object":"embedding","index":3,"embedding":` + ok + `}],"model":"base","usage":{"prompt_tokens":6,"total_tokens":6}}`},
		"OpenAI, base64": {"/v1/embeddings", `{"input":["a","late",{},"b"],"encoding_format":"base64","model":"mine"}`,
			`{"object":"list","data":[{"object":"embedding","index":0,"embedding":"mpkZPwAAAADNzEy/"},{"object":"embedding","index":1,"embedding":null,"error":` + queued + `},` +
				`{"object":"embedding","index":2,"embedding":null,"error":` + empty + `},{"object":"embedding","index":3,"embedding":"mpkZPwAAAADNzEy/"}],"model":"mine","usage":{"prompt_tokens":6,"total_tokens":6}}`},
		"TEI": {"/embed", `{"inputs":["a","late",{},"b"]}`, `[` + ok + `,null,null,` + ok + `]`},
	} {
		r := c.send(post(x.target, x.body))
		if r.Status != 200 || string(r.Body) != x.want {
			t.Errorf("%s: %d %s\nwant %s", name, r.Status, r.Body, x.want)
		}
		if r.Header["X-Failed-Items"] != "1,2" || r.Header["X-Failed-Count"] != "2" {
			t.Errorf("%s: headers %v", name, r.Header)
		}
	}
}

// TestManyFail: a header of failed items stays short.
func TestManyFail(t *testing.T) {
	e := &fakeEngine{errors: words}
	c := newClient(t, Options{}, Services{Embedder: &Embedder{Engine: e}})
	r := c.send(post("/embed", `{"inputs":["a"`+strings.Repeat(`,"late"`, 2000)+`]}`))
	if h := r.Header["X-Failed-Items"]; len(h) > 600 || !strings.HasPrefix(h, "1,2,") || !strings.HasSuffix(h, ",100,...") || r.Header["X-Failed-Count"] != "2000" {
		t.Errorf("%d bytes: %s; count %s", len(h), h, r.Header["X-Failed-Count"])
	}
}
