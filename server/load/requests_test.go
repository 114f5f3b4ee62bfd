package load

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"vbge/engine"
	"vbge/server/wire"
)

// TestBodies: what is sent, read by the server's own parsers, is what an engine in process gets.
func TestBodies(t *testing.T) {
	all := pictures(t, "224")
	inputs := func(e *wire.Embeddings, err error) ([]engine.Input, error) {
		if err != nil {
			return nil, err
		}
		var y []engine.Input
		for _, item := range e.Items {
			if item.Err != nil {
				return nil, item.Err
			}
			y = append(y, engine.Input{Image: item.Input.Image, Text: item.Input.Text})
		}
		return y, nil
	}
	for _, encoding := range Encodings {
		for _, n := range []int{1, 3} {
			for _, kind := range Kinds {
				for _, raw := range []bool{false, true} {
					q := &Requests{Pictures: all, Encoding: encoding, Inputs: n, Raw: raw}
					if q.Check() != nil {
						continue
					}
					shot := Shot{kind, 77}
					body, head := q.appendBody(nil, shot), q.head(shot)
					path, query, _ := strings.Cut(head.path, "?")
					values, err := url.ParseQuery(query)
					if err != nil {
						t.Fatal(err)
					}
					var got []engine.Input
					switch path {
					case "/v1/search":
						var s *wire.Search
						if s, err = wire.ParseSearch(head.contentType, body, values, wire.Limits{}); err == nil {
							got = []engine.Input{{Image: s.Image, Text: s.Text}}
						}
					case "/v1/embeddings":
						e, parseErr := wire.ParseOpenAI(body, wire.Limits{})
						if got, err = inputs(e, parseErr); err == nil && (string(e.Encoding) != string(encoding) || e.Single != (kind == Text && n == 1)) {
							t.Errorf("%s %s: parsed as %+v", kind, encoding, e)
						}
					default:
						got, err = inputs(wire.ParseEmbed(head.contentType, body, values, wire.Limits{}))
					}
					if want := q.engineInputs(shot); err != nil || !reflect.DeepEqual(got, want) || len(want) != q.inputs(shot) {
						t.Errorf("%s %s, %d inputs, raw %v: %s is parsed as %d inputs other than the %d in process (%v)", kind, encoding, n, raw, head.path, len(got), len(want), err)
					}
				}
			}
		}
	}
}

// TestFresh: without Repeat no picture comes twice; with it only words are new.
func TestFresh(t *testing.T) {
	q := &Requests{Pictures: pictures(t, "224"), Encoding: "float", Inputs: 2}
	distinct := func() (files, words int) {
		seen, said := map[string]bool{}, map[string]bool{}
		for n := range uint64(20) {
			for _, in := range q.engineInputs(Shot{Pair, 1000 + n}) {
				seen[string(in.Image)], said[in.Text] = true, true
			}
		}
		return len(seen), len(said)
	}
	if files, words := distinct(); files != 40 || words != 40 {
		t.Errorf("%d pictures and %d texts of 40", files, words)
	}
	q.Repeat = true
	if files, words := distinct(); files != q.Pictures.Count() || words != 40 {
		t.Errorf("%d pictures and %d texts, want %d and 40", files, words, q.Pictures.Count())
	}
}

func TestAccept(t *testing.T) {
	for _, encoding := range Encodings {
		q := &Requests{Encoding: encoding, Inputs: 1}
		dtype, binary, err := wire.ParseAccept(q.head(Shot{Text, 1}).accept)
		if err != nil || binary != encoding.binary() || binary && string(dtype) != string(encoding) {
			t.Errorf("%s is asked for as %s, binary %v (%v)", encoding, dtype, binary, err)
		}
	}
}

func TestRequestsCheck(t *testing.T) {
	for _, q := range []Requests{
		{Encoding: "float"},
		{Inputs: 1, Encoding: "float64"},
		{Inputs: 1, Encoding: "float", Raw: true},
		{Inputs: 2, Encoding: "int8", Raw: true},
		{Inputs: 1, Encoding: "float", Priority: "urgent"},
	} {
		if q.Check() == nil {
			t.Errorf("%+v can be sent", q)
		}
	}
}

func TestFixed(t *testing.T) {
	q := &Requests{Encoding: "float", Inputs: 5, Fixed: Fixed{Path: "/embeddings", JSON: []byte(`{"input":"x"}`)}}
	shot := Shot{Body, 3}
	if h := q.head(shot); h.path != "/embeddings" || h.contentType != "application/json" || string(q.appendBody(nil, shot)) != `{"input":"x"}` {
		t.Errorf("sent as %+v", h)
	}
}
