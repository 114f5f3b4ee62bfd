package page

import (
	"errors"
	"net/http"
	"path"
	"regexp"
	"strings"
	"testing"

	"vbge/server/fault"
	"vbge/server/transport"
)

// ask asks the route of a pattern for a name.
func ask(t *testing.T, pattern, name string, header http.Header) (*transport.Response, error) {
	t.Helper()
	for _, route := range Routes(demoOptions(t)) {
		if route.Path == pattern {
			if route.Method != http.MethodGet || route.Access != transport.Open {
				t.Errorf("%s: method %s, access %d", pattern, route.Method, route.Access)
			}
			return route.Handle(t.Context(), &transport.Request{Method: http.MethodGet, Path: strings.ReplaceAll(pattern, "{name}", name),
				Params: map[string]string{"name": name}, Header: header})
		}
	}
	t.Fatalf("there is no route %s", pattern)
	return nil, nil
}

func TestRoutes(t *testing.T) {
	for _, c := range []struct{ pattern, name, mediaType, begins string }{
		{"/", "", "text/html; charset=utf-8", "<!doctype html>"},
		{"/page/{name}", "main.js", "text/javascript; charset=utf-8", "//"},
		{"/page/{name}", "style.css", "text/css; charset=utf-8", "/*"},
		{"/page/{name}", "icon.svg", "image/svg+xml", "<svg"},
		{"/examples", "", "application/json", `[{"name":"leopard.jpg","text":"phone case with this image theme","picture":"examples/leopard.jpg"},{"name":"a b?#%.jpg","text":"same print but on a journal","picture":"examples/a%20b%3F%23%25.jpg"}`},
		{"/examples/{name}", "leopard.jpg", "image/jpeg", "\xff\xd8"},
	} {
		r, err := ask(t, c.pattern, c.name, nil)
		if err != nil {
			t.Errorf("%s %s: %v", c.pattern, c.name, err)
			continue
		}
		if r.Status != 0 || r.ContentType != c.mediaType || !strings.HasPrefix(string(r.Body), c.begins) {
			t.Errorf("%s %s: status %d, %s, %.40q", c.pattern, c.name, r.Status, r.ContentType, r.Body)
		}
		if got := r.Header["Cache-Control"]; got != "no-cache" {
			t.Errorf("%s %s: Cache-Control is %q", c.pattern, c.name, got)
		}
		checkPolicy(t, r.Header["Content-Security-Policy"])
		checkTag(t, c.pattern, c.name, r.Header["ETag"])
	}
}

// checkPolicy wants the policy to allow what it names, and nothing more.
func checkPolicy(t *testing.T, got string) {
	t.Helper()
	want := map[string]string{"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' blob: data:",
		"connect-src": "'self'", "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
		"require-trusted-types-for": "'script'", "trusted-types": "'none'"}
	for directive := range strings.SplitSeq(got, "; ") {
		name, sources, _ := strings.Cut(directive, " ")
		if want[name] != sources {
			t.Errorf("the policy says %q, want %q", directive, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("the policy leaves out %v", want)
	}
}

// checkTag asks again with tags, of which one that is right brings a 304 without a body.
func checkTag(t *testing.T, pattern, name, tag string) {
	t.Helper()
	if !regexp.MustCompile(`^W/"[0-9a-f]{24}"$`).MatchString(tag) {
		t.Errorf("%s %s: tag %s", pattern, name, tag)
	}
	for field, want := range map[string]int{
		tag: http.StatusNotModified, strings.TrimPrefix(tag, "W/"): http.StatusNotModified, `"other", ` + tag: http.StatusNotModified, "*": http.StatusNotModified,
		`W/"other"`: 0, "": 0, tag + "x": 0,
	} {
		r, err := ask(t, pattern, name, http.Header{"If-None-Match": {field}})
		if err != nil || r.Status != want || (r.Body == nil) != (want == http.StatusNotModified) || r.Header["ETag"] != tag {
			t.Errorf("%s %s, If-None-Match: %s: status %d, %d bytes, tag %s, %v", pattern, name, field, r.Status, len(r.Body), r.Header["ETag"], err)
		}
	}
}

func TestNoSuchPart(t *testing.T) {
	for _, c := range [][2]string{{"/page/{name}", "other.js"}, {"/page/{name}", "../page.go"}, {"/page/{name}", ""}, {"/page/{name}", "."},
		{"/examples/{name}", "other.jpg"}, {"/examples/{name}", "words"}, {"/examples/{name}", "../../leopard.jpg"}} {
		_, err := ask(t, c[0], c[1], nil)
		var f *fault.Error
		if !errors.As(err, &f) || f.Status != http.StatusNotFound {
			t.Errorf("%s of %q: %v, want a 404", c[0], c[1], err)
		}
	}
}

// TestParts checks that whatever the page names is there, that nothing comes from elsewhere, and that
// the page needs nothing that its policy forbids.
func TestParts(t *testing.T) {
	entries, err := assets.ReadDir("assets")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{"index.html": true}
	for _, e := range entries {
		body, err := assets.ReadFile("assets/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(body), `xmlns="http://www.w3.org/2000/svg"`, "")
		for _, forbidden := range []string{"://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser", "style=", "<style", "javascript:"} {
			if strings.Contains(text, forbidden) {
				t.Errorf("%s holds %q", e.Name(), forbidden)
			}
		}
		if handler := regexp.MustCompile(`<[^>]*\son[a-z]+=`).FindString(text); handler != "" {
			t.Errorf("%s has an inline handler: %s", e.Name(), handler)
		}
		if script := regexp.MustCompile(`<script[^>]*>[^<]+<`).FindString(text); script != "" {
			t.Errorf("%s has an inline script: %s", e.Name(), script)
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="page/([^"]+)"|from "\./([^"]+)"`).FindAllStringSubmatch(text, -1) {
			named[m[1]+m[2]] = true
		}
	}
	for name := range named {
		if _, err := assets.ReadFile("assets/" + name); err != nil {
			t.Errorf("%s is named, but %v", name, err)
		}
	}
	if len(named) != len(entries) {
		t.Errorf("%d parts are named, and there are %d", len(named), len(entries))
	}
	checkElements(t)
}

// checkElements wants every element that a script asks for to be in the page.
func checkElements(t *testing.T) {
	t.Helper()
	index, err := assets.ReadFile("assets/index.html")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := assets.ReadDir("assets")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if path.Ext(e.Name()) != ".js" {
			continue
		}
		body, err := assets.ReadFile("assets/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:\$|getElementById)\("([^"]+)"\)`).FindAllSubmatch(body, -1) {
			if !strings.Contains(string(index), `id="`+string(m[1])+`"`) {
				t.Errorf("%s asks for %q, which is not in the page", e.Name(), m[1])
			}
		}
	}
}
