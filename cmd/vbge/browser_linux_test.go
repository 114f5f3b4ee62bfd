package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"vbge/server/page/pagetest"
)

// TestServeCORS has pages of other origins use a server in Chromium, which asks it before it sends a key.
func TestServeCORS(t *testing.T) {
	browser := pagetest.Open(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><html lang="en"><title>Another site</title><link rel="icon" href="data:,">`)
	}))
	defer site.Close()
	keys := filepath.Join(t.TempDir(), "keys")
	writeFile(t, keys, fmt.Appendf(nil, "page:%x\n", sha256.Sum256([]byte(key))))
	model := tinyModel(t)
	allowing := serve(t, "--model", model, "--uri", "", "--keys", keys, "--cors-origin", site.URL)
	other := serve(t, "--model", model, "--uri", "", "--keys", keys, "--cors-origin", "https://example.com")
	open := serve(t, "--model", model, "--uri", "") // no keys and no CORS: a developer's

	ask := func(s server, header string) string {
		return fmt.Sprintf(`fetch(%q, {method: "POST", headers: {"Content-Type": "application/json", "Accept": "application/octet-stream;dtype=int8", %s}, body: '{"inputs": ["a"]}'})
			.then(async (r) => [r.status, r.headers.get("X-Embedding-Shape"), r.ok ? (await r.arrayBuffer()).byteLength : (await r.json()).error.code].join(" "), () => "blocked")`,
			s.url+"/embed", header)
	}
	tab := browser.Tab(t, site.URL)
	tab.Allow("401", "403", "blocked by CORS policy", "net::ERR_FAILED", "net::ERR_BLOCKED_BY_RESPONSE")
	bearer := fmt.Sprintf("%q: %q", "Authorization", "Bearer "+key)
	for _, c := range []struct{ name, expression, want string }{
		{"with a key", ask(allowing, bearer), "200 1,128 128"},
		{"with a key in the other header", ask(allowing, fmt.Sprintf("%q: %q, %q: %q", "X-Api-Key", key, "X-Priority", "bulk")), "200 1,128 128"},
		{"why it was refused", ask(allowing, `"Authorization": "Bearer wrong"`), "401  key_unknown"},
		{"another origin's server", ask(other, bearer), "blocked"},
		{"a server without CORS", ask(open, bearer), "blocked"},
		{"without asking first", fmt.Sprintf(`fetch(%q, {method: "POST", mode: "no-cors", body: new FormData()}).then((r) => r.type, () => "blocked")`, open.url+"/embed"), "blocked"},
	} {
		if got := pagetest.Await[string](tab, c.expression); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if log := open.log.String(); strings.Count(log, "code=cross_site") != 1 || strings.Count(log, "code=origin_not_allowed") != 1 {
		t.Errorf("the server without CORS should have refused two requests:\n%s", log)
	}
	for _, s := range []server{allowing, other, open} {
		s.stop(t)
	}
}

// TestServeDocs shows the documentation in Chromium: nothing but the server is asked for anything.
func TestServeDocs(t *testing.T) {
	browser := pagetest.Open(t)
	s := serve(t, "--model", tinyModel(t), "--uri", "")
	const outside = `performance.getEntriesByType("resource").map((r) => r.name).filter((n) => !n.startsWith(location.origin + "/")).join(" ")`
	for path, heading := range map[string]string{"/docs": "vbge", "/": "vbge"} {
		tab := browser.Tab(t, s.url+path)
		if title := pagetest.Eval[string](tab, `document.title`); !strings.Contains(title, heading) {
			t.Errorf("%s: title %q", path, title)
		}
		if got := pagetest.Eval[string](tab, outside); got != "" {
			t.Errorf("%s asks for %s", path, got)
		}
		tab.Fits()
	}
	s.stop(t)
}

// TestServePage drives the page in a browser. The language model is a stand-in.
func TestServePage(t *testing.T) {
	shop := newShop(t)
	shop.on(t, "index", shop.images).want(t, 0)
	const (
		explanation = "The phone case number 2 has the leopard's own spots, black rosettes on warm orange, and shows them largest."
		edit        = "red backpack"
		hostile     = `<script>document.title = "owned"</script> <img src=x onerror="document.title='owned'">`
	)
	var llm *llm
	llm = newLLM(t, func(w http.ResponseWriter, r *http.Request) {
		llm.mu.Lock()
		edited := bytes.Contains(llm.body, []byte(edit))
		llm.mu.Unlock()
		reasons := explanation
		if edited {
			reasons = hostile
		}
		says("Ranked list: [2, 0, 1, 3, 4, 5, 6, 7, 8]\nReasons: "+reasons)(w, r)
	})
	t.Setenv("OPENAI_API_KEY", key)
	s := serve(t, "--model", shop.model, "--uri", shop.uri, "--images", shop.images, "--examples", demoData+"examples.json", "--rerank-url", llm.URL)
	picture, err := filepath.Abs(demoData + "queries/0042.jpg")
	if err != nil {
		t.Fatal(err)
	}
	pagetest.Drive(t, s.url, pagetest.Options{Example: theme, Edit: edit, Picture: picture, Explanation: explanation, Hostile: hostile,
		Screenshots: filepath.Join("..", "..", "build", "page")})
	s.stop(t)
}
