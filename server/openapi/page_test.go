package openapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	p, err := Page()
	if err != nil {
		t.Fatal(err)
	}
	html := string(p.Body)
	if len(html) > 80_000 {
		t.Errorf("the page has %d bytes", len(html))
	}
	for _, want := range []string{"POST /v1/embeddings", "GET /v1/items/{id}/image", "queue_full", "--max-queue", "429 Too Many Requests"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	_, css, _ := strings.Cut(html, "<style>")
	css, _, _ = strings.Cut(css, "</style>")
	sum := sha256.Sum256([]byte(css))
	if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(p.Policy, want) {
		t.Errorf("the policy %s does not allow the page's style: %s", p.Policy, want)
	}
	checkElements(t, html)
}

// checkElements reads the page's elements: none is a script or brings another resource, and every
// link to a place has that place.
func checkElements(t *testing.T, html string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(html))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var ids, links []string
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if slices.Contains([]string{"script", "link", "img", "iframe", "object", "form"}, element.Name.Local) {
			t.Errorf("the page has an element %s", element.Name.Local)
		}
		for _, a := range element.Attr {
			switch {
			case a.Name.Local == "id":
				ids = append(ids, a.Value)
			case a.Name.Local == "href":
				links = append(links, a.Value)
			case a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "src":
				t.Errorf("%s has an attribute %s", element.Name.Local, a.Name.Local)
			}
		}
	}
	if len(links) < 20 {
		t.Errorf("%d links", len(links))
	}
	for _, link := range links {
		if place, ok := strings.CutPrefix(link, "#"); ok && !slices.Contains(ids, place) {
			t.Errorf("a link to %s, which is not there", link)
		} else if !ok && link != "openapi.yaml" {
			t.Errorf("a link to %s", link)
		}
	}
}

func TestProse(t *testing.T) {
	got := fmt.Sprint(prose("One `two`\nthree.\n\n    $ four\n    five\n\nsix\n"))
	if want := "[{false One `two`\nthree.} {true $ four\nfive} {false six}]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	got = fmt.Sprint(inline("`one` two `three`"))
	if want := "[{true one} {false  two } {true three}]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
