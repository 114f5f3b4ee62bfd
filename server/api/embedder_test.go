package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"vbge/engine"
	"vbge/server/transport"
)

// TestLanes: what the engine is asked for, by how many inputs there are and by X-Priority.
func TestLanes(t *testing.T) {
	c, e, _ := fakes(t)
	for _, x := range []struct {
		request message
		want    engine.Lane
	}{
		{post("/v1/embeddings", `{"input":"a"}`), engine.Interactive},
		{post("/v1/embeddings", `{"input":["a"]}`), engine.Interactive},
		{post("/v1/embeddings", `{"input":["a","b"]}`), engine.Bulk},
		{post("/v1/embeddings", `{"input":["a","b"]}`, "X-Priority", "interactive"), engine.Interactive},
		{post("/embed", `{"inputs":"a"}`, "X-Priority", "bulk"), engine.Bulk},
		{post("/embed", "picture").of("image/jpeg"), engine.Interactive},
	} {
		r := c.send(x.request)
		got := e.last()
		if got.Lane != x.want || !got.NoWait || got.QueueTimeout != 7*time.Second {
			t.Errorf("%s %s: %+v, want lane %d", x.request.target, x.request.body, got, x.want)
		}
		if lane := logged(r)["lane"]; lane != x.want.String() {
			t.Errorf("%s: logged lane %s", x.request.body, lane)
		}
	}
}

// TestInputs: only what can be embedded reaches the engine, as it was sent.
func TestInputs(t *testing.T) {
	e := &fakeEngine{}
	c := newClient(t, Options{MaxItems: 4}, Services{Embedder: &Embedder{Engine: e}})
	c.send(post("/embed?text=as+a+drawing", "picture").of("application/octet-stream"))
	if in := e.last().Inputs; len(in) != 1 || string(in[0].Image) != "picture" || in[0].Text != "as a drawing" {
		t.Errorf("%+v", in)
	}
	c.send(post("/v1/embeddings", `{"input":["a",{},[5,6]]}`))
	if in := e.last().Inputs; len(in) != 2 || in[0].Text != "a" || !slices.Equal(in[1].IDs, []int32{5, 6}) {
		t.Errorf("%+v", in)
	}
	contentType, body := form(t, example{file: "rgb.png", text: "first"}, example{file: "rgb.bmp", text: "second"})
	c.send(post("/embed", body).of(contentType))
	if in := e.last().Inputs; len(in) != 2 || len(in[1].Image) == 0 || in[0].Text != "first" || in[1].Text != "second" {
		t.Errorf("%d inputs of a form", len(in))
	}
	for body, refused := range map[string]bool{`{"input":"a"}`: false, `{"input":"a","truncate":false}`: true} {
		c.send(post("/v1/embeddings", body))
		if got := e.last().Inputs[0].RefuseLong; got != refused {
			t.Errorf("%s: long words are refused: %t", body, got)
		}
	}
	asked := len(e.requests)
	if r := c.send(post("/v1/embeddings", `{"input":[{},{}]}`)); r.Status != 400 || len(e.requests) != asked {
		t.Errorf("status %d, and the engine was asked for nothing %d times", r.Status, len(e.requests)-asked)
	}
}

// logged is what a reply adds to its line in the log.
func logged(r reply) map[string]string {
	values := map[string]string{}
	for _, a := range r.Log {
		values[a.Key] = a.Value.String()
	}
	return values
}

func TestTimingAndLog(t *testing.T) {
	c, e, embedder := fakes(t)
	var seen []string
	embedder.Observe = func(kind string, lane engine.Lane, code string, r engine.Result) {
		seen = append(seen, fmt.Sprintf("%s/%s/%s/%d", kind, lane, code, r.Tokens))
	}
	e.result = engine.Result{Cached: true, Times: engine.Times{Wait: 3 * time.Second, Prepare: 2 * time.Second, Compute: time.Second}}
	r := c.send(post("/v1/embeddings", `{"input":["secret","late","bug",{}]}`))
	var stages []string
	for _, s := range r.Timing {
		stages = append(stages, s.Stage)
	}
	if got := strings.Join(stages, " "); got != "parse wait prepare compute encode" {
		t.Errorf("stages %s", got)
	}
	if want := (transport.Timing{Stage: "wait", Duration: 3 * time.Second}); r.Timing[1] != want {
		t.Errorf("%+v", r.Timing[1])
	}
	got := logged(r)
	for key, want := range map[string]string{"items": "4", "failed": "3", "tokens": "3", "cached": "1", "lane": "bulk", "failed_item": "1", "cause": "waited too long in the queue"} {
		if got[key] != want {
			t.Errorf("logged %s=%s, want %s", key, got[key], want)
		}
	}
	if strings.Contains(fmt.Sprint(r.Log), "secret") {
		t.Errorf("the log has contents: %v", r.Log)
	}
	if want := []string{"text/bulk//3", "text/bulk/queue_timeout/0", "text/bulk/internal/0"}; !slices.Equal(seen, want) {
		t.Errorf("observed %v, want %v", seen, want)
	}
}

func TestKinds(t *testing.T) {
	file := []byte("file")
	for want, in := range map[string]engine.Input{"text": {Text: "a"}, "image": {Image: file}, "pair": {Image: file, Text: "a"}} {
		if got := kindOf(in); got != want {
			t.Errorf("%+v: %s, want %s", in, got, want)
		}
	}
	if got := kindOf(engine.Input{Image: file, IDs: []int32{1}}); got != "pair" {
		t.Errorf("a picture with ids: %s", got)
	}
}

// badEngine computes what is no number.
type badEngine struct {
	fakeEngine
	value float32
}

func (e *badEngine) Do(_ context.Context, r engine.Request) ([]engine.Result, error) {
	return slices.Repeat([]engine.Result{{Embedding: []float32{0.6, e.value, 0.8}, Tokens: 2}}, len(r.Inputs)), nil
}

// TestNotFinite: NaN never leaves the server.
func TestNotFinite(t *testing.T) {
	for _, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		c := newClient(t, Options{}, Services{Embedder: &Embedder{Engine: &badEngine{value: float32(value)}}})
		for _, m := range []message{post("/v1/embeddings", `{"input":"a"}`), post("/embed", `{"inputs":["a","b"]}`)} {
			if r := c.send(m); r.Status != 500 || r.fault.Code != "embedding_not_finite" {
				t.Errorf("%v: %d %s", value, r.Status, r.Body)
			}
		}
	}
	if !finite([]float32{math.MaxFloat32, math.MaxFloat32, -math.MaxFloat32}) {
		t.Error("large values are none")
	}
}

// TestWrong: while the device's vectors are known to be wrong nothing is computed, whoever asks.
func TestWrong(t *testing.T) {
	c, e, embedder := fakes(t)
	off := errors.New("off by 0.2")
	embedder.Wrong = func(context.Context) error { return off }
	refusal{status: 503, code: "not_ready", retry: time.Second,
		message: "the device has failed its test: its vectors are wrong",
		change:  "send the request to another server, or again after Retry-After seconds; the log has the cause"}.check(t, c.send(post("/v1/embeddings", `{"input":"a"}`)))
	if _, err := embedder.Bulk(t.Context(), []engine.Input{{Text: "a"}}); !errors.Is(err, off) || len(e.requests) > 0 {
		t.Errorf("%v after %d requests to the engine", err, len(e.requests))
	}
	off = nil
	if r := c.send(post("/v1/embeddings", `{"input":"a"}`)); r.Status != 200 {
		t.Errorf("right again: %d %s", r.Status, r.Body)
	}
}

// TestContextEnds: why a context has ended is for package transport to say.
func TestContextEnds(t *testing.T) {
	c, e, embedder := fakes(t)
	var codes []string
	embedder.Observe = func(_ string, _ engine.Lane, code string, _ engine.Result) { codes = append(codes, code) }
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, stop := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer stop()
	for _, x := range []struct {
		ctx  context.Context
		want error
		code string
	}{{cancelled, context.Canceled, "client_gone"}, {late, context.DeadlineExceeded, "request_timeout"}} {
		codes = nil
		route, _ := c.route("POST", "/v1/embeddings")
		_, err := route.Handle(x.ctx, &transport.Request{Header: map[string][]string{"Content-Type": {"application/json"}}, Body: []byte(`{"input":"a"}`)})
		if err != x.want {
			t.Errorf("%v, want %v itself", err, x.want)
		}
		if !slices.Equal(codes, []string{x.code}) {
			t.Errorf("observed %v, want %s", codes, x.code)
		}
	}
	if len(e.requests) != 2 {
		t.Errorf("%d requests", len(e.requests))
	}
}

// TestPanicIsLogged: the log has the stack, and nobody else.
func TestPanicIsLogged(t *testing.T) {
	c, e, _ := fakes(t)
	e.errors = map[string]error{"bug": &engine.PanicError{Value: "index 5", Stack: []byte("goroutine 7 [running]")}}
	r := c.send(post("/embed", `{"inputs":["a","bug"]}`))
	if cause := logged(r)["cause"]; !strings.Contains(cause, "index 5") || !strings.Contains(cause, "goroutine 7") {
		t.Errorf("cause %q", cause)
	}
	if r := c.send(post("/v1/embeddings", `{"input":["a","bug"]}`)); strings.Contains(string(r.Body), "index 5") || strings.Contains(string(r.Body), "goroutine") {
		t.Errorf("%s", r.Body)
	}
}
