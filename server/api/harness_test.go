package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"vbge/engine"
	"vbge/engine/golden"
	"vbge/server/fault"
	"vbge/server/openapi"
	"vbge/server/transport"
)

const reference = "../../engine/testdata/reference"

// client calls routes as package transport does, and holds what is sent and answered against the
// OpenAPI document.
type client struct {
	*testing.T
	routes []transport.Route
	rules  routers.Router
}

func newClient(t *testing.T, o Options, s Services) *client {
	t.Helper()
	rules, err := documented()
	if err != nil {
		t.Fatal(err)
	}
	return &client{t, Routes(o, s), rules}
}

// documented finds a request's operation in the document.
var documented = sync.OnceValues(func() (routers.Router, error) {
	document, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	if err != nil {
		return nil, err
	}
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.PlainBodyDecoder)
	return gorillamux.NewRouter(document)
})

// message is a request. Its body is JSON unless contentType says otherwise.
type message struct {
	method, target    string
	contentType, body string
	header            http.Header
	undocumented      bool // it breaks the document's rules on purpose
}

func post(target, body string, header ...string) message {
	m := message{method: http.MethodPost, target: target, contentType: "application/json", body: body, header: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		m.header.Set(header[i], header[i+1])
	}
	return m
}

func get(target string) message {
	return message{method: http.MethodGet, target: target, header: http.Header{}}
}

// of changes the media type of a request's body.
func (m message) of(contentType string) message {
	m.contentType = contentType
	return m
}

// wrong marks a request that the document does not allow.
func (m message) wrong() message {
	m.undocumented = true
	return m
}

// reply is what came back. fault is nil with a success.
type reply struct {
	*transport.Response
	fault *fault.Error
}

// send calls the route that a message is for.
func (c *client) send(m message) reply {
	c.Helper()
	place, err := url.Parse(m.target)
	if err != nil {
		c.Fatal(err)
	}
	header := m.header.Clone()
	if m.contentType != "" {
		header.Set("Content-Type", m.contentType)
	}
	route, params := c.route(m.method, place.Path)
	c.checkRequest(m, header)
	response, err := route.Handle(c.Context(), &transport.Request{Method: m.method, Path: place.Path, Params: params,
		Query: place.Query(), Header: header, Body: []byte(m.body)})
	r := reply{Response: response}
	if err != nil {
		r = c.refusal(err)
	} else if response.Status == 0 {
		response.Status = http.StatusOK
	}
	c.checkReply(m, header, r)
	return r
}

// refusal is what package transport makes of an error.
func (c *client) refusal(err error) reply {
	c.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		c.Fatalf("%v is no fault", err)
	}
	body, err := json.Marshal(map[string]any{"error": f})
	if err != nil {
		c.Fatal(err)
	}
	return reply{&transport.Response{Status: f.Status, ContentType: "application/json", Body: body}, f}
}

func (c *client) route(method, path string) (transport.Route, map[string]string) {
	c.Helper()
	for _, r := range c.routes {
		want, have := strings.Split(r.Path, "/"), strings.Split(path, "/")
		if params, ok := match(want, have); ok && r.Method == method {
			return r, params
		}
	}
	c.Fatalf("no route %s %s", method, path)
	return transport.Route{}, nil
}

func match(want, have []string) (map[string]string, bool) {
	if len(want) != len(have) {
		return nil, false
	}
	params := map[string]string{}
	for i, w := range want {
		if name, ok := strings.CutPrefix(w, "{"); ok {
			params[strings.TrimSuffix(name, "}")] = have[i]
		} else if w != have[i] {
			return nil, false
		}
	}
	return params, true
}

// input is a message as the document's validator wants it.
func (c *client) input(m message, header http.Header) *openapi3filter.RequestValidationInput {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), m.method, m.target, strings.NewReader(m.body))
	if err != nil {
		c.Fatal(err)
	}
	r.Header = header.Clone()
	route, params, err := c.rules.FindRoute(r)
	if err != nil {
		c.Fatalf("%s %s is not in the document: %v", m.method, m.target, err)
	}
	return &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true,
		RejectWhenRequestBodyNotSpecified: true, MultiError: true}}
}

func (c *client) checkRequest(m message, header http.Header) {
	c.Helper()
	err := openapi3filter.ValidateRequest(c.Context(), c.input(m, header))
	if m.undocumented {
		if err == nil {
			c.Errorf("%s %s: the document allows this request: %.200s", m.method, m.target, m.body)
		}
	} else if err != nil {
		c.Errorf("%s %s: the document does not allow this request: %v", m.method, m.target, err)
	}
}

func (c *client) checkReply(m message, header http.Header, r reply) {
	c.Helper()
	in := &openapi3filter.ResponseValidationInput{RequestValidationInput: c.input(m, header), Status: r.Status, Header: http.Header{},
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true}}
	if r.ContentType != "" {
		in.Header.Set("Content-Type", r.ContentType)
	}
	for name, value := range r.Header {
		in.Header.Set(name, value)
		if route, ok := in.RequestValidationInput.Route.Operation.Responses.Map()["200"]; ok && strings.HasPrefix(name, "X-") && route.Value.Headers[name] == nil {
			c.Errorf("%s %s: the document has no header %s", m.method, m.target, name)
		}
	}
	in.SetBodyBytes(r.Body)
	if err := openapi3filter.ValidateResponse(c.Context(), in); err != nil {
		c.Errorf("%s %s: the document has no such reply: %d %s: %v", m.method, m.target, r.Status, r.Body[:min(len(r.Body), 300)], err)
	}
}

// tiny is an engine with the golden model, shared by all tests.
func tiny(t testing.TB) *engine.Engine {
	t.Helper()
	e, err := openTiny()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var openTiny = sync.OnceValues(func() (*engine.Engine, error) {
	dir, err := os.MkdirTemp("", "tiny")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // the engine keeps nothing of it
	model := filepath.Join(dir, "model")
	folder, err := golden.Convert(context.Background(), reference, "tiny", model)
	if err != nil {
		return nil, err
	}
	if err := folder.Close(); err != nil {
		return nil, err
	}
	return engine.Open(model, engine.Options{Device: "ref"})
})

func picture(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(reference, "golden/images", name))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// decode reads a reply's JSON.
func decode[T any](c *client, r reply) (value T) {
	c.Helper()
	if r.fault != nil {
		c.Fatalf("refused: %v", r.fault)
	}
	decoder := json.NewDecoder(bytes.NewReader(r.Body))
	if err := decoder.Decode(&value); err != nil {
		c.Fatalf("%v: %s", err, r.Body)
	}
	return value
}
