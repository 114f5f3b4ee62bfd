// Package page is the page at / on which people try the search: HTML, CSS and ES modules that are
// embedded as they are written, without a build step and without anything from elsewhere.
package page

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"vbge/server/fault"
	"vbge/server/transport"
)

//go:embed assets
var assets embed.FS

// policy lets the page use what this server sends and nothing else. Trusted types are switched on
// with none allowed: a browser then refuses to take any string for HTML.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Options configure the page.
type Options struct {
	Examples []Example // offered in this order
}

// Example is a query to begin with.
type Example struct {
	Name string // of the file, without its folder, and unique; of words alone anything
	File []byte // picture, or nil
	Text string // instruction, or words alone
}

// Routes are the page, what it is made of, and the examples; all are open. They answer GET; a HEAD
// is a GET to them.
func Routes(o Options) []transport.Route {
	pictures := map[string][]byte{}
	for _, e := range o.Examples {
		if e.File != nil {
			pictures[e.Name] = e.File
		}
	}
	open := func(path string, handle func(*transport.Request) (*transport.Response, error)) transport.Route {
		return transport.Route{Method: http.MethodGet, Path: path, Access: transport.Open, Quiet: true,
			Handle: func(_ context.Context, r *transport.Request) (*transport.Response, error) { return handle(r) }}
	}
	return []transport.Route{
		open("/", func(r *transport.Request) (*transport.Response, error) { return part(r, "index.html") }),
		open("/page/{name}", func(r *transport.Request) (*transport.Response, error) { return part(r, r.Params["name"]) }),
		open("/examples", func(r *transport.Request) (*transport.Response, error) { return list(r, o.Examples) }),
		open("/examples/{name}", func(r *transport.Request) (*transport.Response, error) {
			picture, ok := pictures[r.Params["name"]]
			if !ok {
				return nil, errNoPart()
			}
			return reply(r, picture, http.DetectContentType(picture)), nil
		}),
	}
}

// mediaTypes are fixed here: what the mime package says differs from machine to machine.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// part answers with an embedded file.
func part(r *transport.Request, name string) (*transport.Response, error) {
	body, err := assets.ReadFile("assets/" + name)
	if err != nil {
		return nil, errNoPart()
	}
	return reply(r, body, mediaTypes[path.Ext(name)]), nil
}

// list answers with what the page reads of the examples.
func list(r *transport.Request, examples []Example) (*transport.Response, error) {
	type entry struct {
		Name    string `json:"name"`
		Text    string `json:"text"`
		Picture string `json:"picture"` // relative to the page, or ""
	}
	entries := make([]entry, len(examples))
	for i, e := range examples {
		entries[i] = entry{Name: e.Name, Text: e.Text}
		if e.File != nil {
			entries[i].Picture = "examples/" + url.PathEscape(e.Name)
		}
	}
	body, err := json.Marshal(entries)
	if err != nil {
		return nil, fmt.Errorf("list the page's examples: %w", err)
	}
	return reply(r, body, "application/json"), nil
}

func errNoPart() error {
	return fault.New(http.StatusNotFound, "not_found", "the page has no such part", "Begin at / instead.")
}

// reply sends a body, or 304 to a browser that has it. Browsers keep it and ask each time, so that a
// newer vbge is never seen with an older one's scripts.
func reply(r *transport.Request, body []byte, mediaType string) *transport.Response {
	sum := sha256.Sum256(body)
	tag := fmt.Sprintf(`W/"%x"`, sum[:12]) // weak, because transport may compress the body
	response := &transport.Response{ContentType: mediaType, Body: body, Header: map[string]string{
		"ETag":                    tag,
		"Cache-Control":           "no-cache",
		"Content-Security-Policy": policy,
	}}
	if slices.ContainsFunc(r.Header.Values("If-None-Match"), func(field string) bool { return names(field, tag) }) {
		response.Status, response.Body = http.StatusNotModified, nil
	}
	return response
}

// names says whether an If-None-Match field names a weak tag, by RFC 9110's weak comparison.
func names(field, tag string) bool {
	for t := range strings.SplitSeq(field, ",") {
		if t = strings.TrimSpace(t); t == "*" || "W/"+strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}
