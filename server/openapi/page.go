package openapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed page.html
var pageTemplate string

//go:embed page.css
var style string

// HTML is a page with the Content-Security-Policy that it needs: no scripts, no other resources, and of
// styles its own alone.
type HTML struct {
	Body   []byte
	Policy string
}

// Page renders the document as a page to be read.
func Page() (*HTML, error) {
	s, err := parse()
	if err != nil {
		return nil, err
	}
	t, err := template.New("page").Funcs(s.functions()).Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("read the page's template: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, s); err != nil {
		return nil, fmt.Errorf("render the OpenAPI document: %w", err)
	}
	sum := sha256.Sum256([]byte(style))
	return &HTML{out.Bytes(), "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}, nil
}

// functions are what the template calls.
func (s *spec) functions() template.FuncMap {
	return template.FuncMap{
		"style":     func() template.CSS { return template.CSS(style) },
		"prose":     prose,
		"code":      inline,
		"last":      lastOf,
		"upper":     strings.ToUpper,
		"compact":   compact,
		"pretty":    pretty,
		"limits":    schema.limits,
		"status":    status,
		"operation": s.tagged,
		"parameter": func(p parameter) (parameter, error) { return resolved(p, p.Ref, s.Components.Parameters) },
		"header":    func(h header) (header, error) { return resolved(h, h.Ref, s.Components.Headers) },
		"response":  func(r response) (response, error) { return resolved(r, r.Ref, s.Components.Responses) },
		"required":  func(of schema, property string) bool { return slices.Contains(of.Required, property) },
	}
}

// resolved returns what a reference stands for; a value with none is itself.
func resolved[T any](value T, ref string, components ordered[T]) (T, error) {
	if ref == "" {
		return value, nil
	}
	return components.get(lastOf(ref))
}

// call is an operation with its place.
type call struct {
	Method, Path string
	operation
}

// tagged returns the operations that have a tag.
func (s *spec) tagged(tag string) []call {
	var calls []call
	for _, path := range s.Paths {
		for _, o := range path.Value {
			if slices.Contains(o.Value.Tags, tag) {
				calls = append(calls, call{o.Name, path.Name, o.Value})
			}
		}
	}
	return calls
}

// Open reports whether an operation needs no key.
func (o operation) Open() bool { return o.Security != nil && len(*o.Security) == 0 }

// status returns a status with its name.
func status(code string) string {
	n, err := strconv.Atoi(code)
	if err != nil {
		return code
	}
	return strings.TrimSpace(code + " " + http.StatusText(n))
}

// limits says what bounds a value.
func (s schema) limits() string {
	var all []string
	if s.Minimum != nil {
		all = append(all, fmt.Sprintf("at least %d", *s.Minimum))
	}
	if s.Maximum != nil {
		all = append(all, fmt.Sprintf("at most %d", *s.Maximum))
	}
	if s.MaxLength != nil {
		all = append(all, fmt.Sprintf("at most %d characters", *s.MaxLength))
	}
	return strings.Join(all, ", ")
}

// block is a paragraph, or lines as they are.
type block struct {
	Lines bool
	Text  string
}

// prose splits a description at empty lines; what is indented stands as it is.
func prose(text string) []block {
	var blocks []block
	for paragraph := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		if strings.HasPrefix(paragraph, "    ") {
			blocks = append(blocks, block{true, strings.ReplaceAll(strings.TrimPrefix(paragraph, "    "), "\n    ", "\n")})
			continue
		}
		blocks = append(blocks, block{Text: paragraph})
	}
	return blocks
}

// piece is text, or code.
type piece struct {
	Code bool
	Text string
}

// inline splits text at backquotes, which stand around code.
func inline(text string) []piece {
	var pieces []piece
	for i, part := range strings.Split(text, "`") {
		if part != "" {
			pieces = append(pieces, piece{i%2 == 1, part})
		}
	}
	return pieces
}

// pretty writes an example as indented JSON, "" if there is none.
func pretty(node yaml.Node) (string, error) {
	text, err := compact(node)
	if text == "" || err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(text), "", "  "); err != nil {
		return "", err
	}
	return out.String(), nil
}
