package openapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"vbge/server/transport"
)

func TestDocumentIsOpenAPI(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromData(Document())
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

// TestDescriptions looks for what a reader would miss.
func TestDescriptions(t *testing.T) {
	s, err := parse()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range s.Paths {
		for _, o := range path.Value {
			name := o.Name + " " + path.Name
			if o.Value.ID == "" || o.Value.Summary == "" || len(o.Value.Tags) != 1 {
				t.Errorf("%s: id %q, summary %q, tags %v", name, o.Value.ID, o.Value.Summary, o.Value.Tags)
			}
			for _, p := range o.Value.Parameters {
				if p.Ref == "" && p.Description == "" {
					t.Errorf("%s: parameter %s has no description", name, p.Name)
				}
			}
			var statuses []string
			for _, r := range o.Value.Responses {
				statuses = append(statuses, r.Name)
			}
			if !slices.Contains(statuses, "default") {
				t.Errorf("%s: replies %v, and no default", name, statuses)
			}
		}
	}
	for _, x := range s.Components.Schemas {
		if x.Value.Description == "" {
			t.Errorf("schema %s has no description", x.Name)
		}
	}
}

func TestDifferences(t *testing.T) {
	s, err := parse()
	if err != nil {
		t.Fatal(err)
	}
	var all []transport.Route
	for _, path := range s.Paths {
		for _, o := range path.Value {
			r := transport.Route{Method: strings.ToUpper(o.Name), Path: path.Name}
			if o.Value.Open() {
				r.Access = transport.Open
			}
			all = append(all, r)
		}
	}
	opened := slices.Clone(all)
	opened[0].Access = transport.Open
	for name, test := range map[string]struct {
		routes []transport.Route
		want   []string
	}{
		"equal":   {all, nil},
		"missing": {all[1:], []string{"POST /v1/embeddings is in the document alone"}},
		"more":    {append(slices.Clone(all), transport.Route{Method: http.MethodGet, Path: "/more"}), []string{"GET /more is not in the document"}},
		"access":  {opened, []string{"POST /v1/embeddings needs no key: the document says false"}},
	} {
		got, err := Differences(test.routes)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q (%v)", name, got, test.want, err)
		}
	}
}
