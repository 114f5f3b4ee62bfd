package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"vbge/server/search"
)

const key = "sk-test-0123456789abcdef"

// llm is a local server that speaks OpenAI's chat completions.
type llm struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string // "path authorization"
	body     []byte   // of the last request
}

// newLLM answers with what write writes.
func newLLM(t testing.TB, write func(w http.ResponseWriter, r *http.Request)) *llm {
	l := &llm{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.mu.Lock()
		l.requests, l.body = append(l.requests, r.URL.Path+" "+r.Header.Get("Authorization")), body
		l.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		write(w, r)
	}))
	t.Cleanup(l.Close)
	return l
}

// says answers as a model that writes this text.
func says(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"choices": []any{
			map[string]any{"message": map[string]any{"role": "assistant", "content": text}, "finish_reason": "stop"}}})
	}
}

func fails(status int, message string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": "server_error"}})
	}
}

// TestRerank asks servers of all tempers. Whatever they do, the nine results are there in the order
// found, and the key is nowhere.
func TestRerank(t *testing.T) {
	s := newShop(t)
	s.on(t, "index", s.images, "--metadata", s.metadata).want(t, 0)
	query := []string{"search", "--image", demoData + "leopard.jpg", "--text", theme}
	found := s.search(t, query[1:]...)
	keyFile := filepath.Join(s.dir, "key")
	writeFile(t, keyFile, []byte(key+"\n"))

	const good = "Ranked list: [2, 0, 1, 3, 4, 5, 6, 7, 8]\nReasons: the leopard's spots are clearest."
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		key    string // in the environment
		flags  []string
		asked  bool
		reason string // "" where it is reranked
	}{
		{name: "good answer", answer: says(good), key: key, asked: true},
		{name: "key in a file", answer: says(good), flags: []string{"--rerank-key-file", keyFile}, asked: true},
		{name: "no key", answer: says(good), reason: "OPENAI_API_KEY"},
		{name: "no key file", answer: says(good), key: key, flags: []string{"--rerank-key-file", keyFile + ".none"}, reason: "key.none"},
		{name: "status 500", answer: fails(500, "out of order, "+key), key: key, asked: true, reason: "status 500"},
		{name: "timeout", answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, key: key,
			flags: []string{"--rerank-timeout", "100ms"}, asked: true, reason: "100ms"},
		{name: "rubbish", answer: says("I like them all, " + key), key: key, asked: true, reason: "no ranking"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := newLLM(t, test.answer)
			t.Setenv("OPENAI_BASE_URL", server.URL+"/v1")
			t.Setenv("OPENAI_API_KEY", test.key)
			args := append(append(slices.Clone(query), "--rerank"), test.flags...)
			o := s.on(t, append(args, "--json")...).want(t, 0)
			if strings.Contains(o.out+o.log, key) {
				t.Errorf("the key is shown: %s%s", o.out, o.log)
			}
			var a search.Answer
			if err := json.Unmarshal([]byte(o.out), &a); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(pathsOf(a.Results), pathsOf(found.Results)) {
				t.Errorf("results %v, found %v", pathsOf(a.Results), pathsOf(found.Results))
			}
			if asked := len(server.requests) > 0; asked != test.asked {
				t.Errorf("requests %q", server.requests)
			}
			if test.reason == "" {
				if !a.Reranked || a.Best == nil || *a.Best != 2 || a.Ranked[0] != 2 || a.Reason != "" || !strings.Contains(a.Explanation, "spots") {
					t.Errorf("answer %s", o.out)
				}
				return
			}
			if a.Reranked || len(a.Ranked) != 0 || a.Best != nil || !strings.Contains(a.Reason, test.reason) {
				t.Errorf("want a reason with %q: %s", test.reason, o.out)
			}
		})
	}

	t.Run("table", func(t *testing.T) {
		t.Setenv("OPENAI_BASE_URL", newLLM(t, says(good)).URL+"/v1")
		lines := s.on(t, append(slices.Clone(query), "--rerank")...).want(t, 0, "not reranked: no key").lines()
		if len(lines) != 12 || !strings.Contains(lines[9], found.Results[8].ImagePath) {
			t.Errorf("%q", lines)
		}
	})
	t.Run("request", func(t *testing.T) {
		environment, flag := newLLM(t, says(good)), newLLM(t, says(good))
		t.Setenv("OPENAI_BASE_URL", environment.URL+"/v1")
		t.Setenv("OPENAI_API_KEY", key)
		s.on(t, append(slices.Clone(query), "--rerank", "--rerank-url", flag.URL+"/v1", "--rerank-model", "some-model")...).want(t, 0,
			"reranked: [2 0 1 3 4 5 6 7 8]", "best: 2  "+found.Results[2].ImagePath, "the leopard's spots are clearest")
		if len(environment.requests) > 0 || !slices.Equal(flag.requests, []string{"/v1/chat/completions Bearer " + key}) {
			t.Errorf("requests %q and %q", environment.requests, flag.requests)
		}
		for _, part := range []string{`"model":"some-model"`, `"max_tokens":300`, theme, "orange leopard phone case", "data:image/jpeg;base64,"} {
			if !bytes.Contains(flag.body, []byte(part)) {
				t.Errorf("the request lacks %q: %.600s", part, flag.body)
			}
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		server := newLLM(t, func(_ http.ResponseWriter, r *http.Request) {
			interrupt()
			<-r.Context().Done()
		})
		t.Setenv("OPENAI_BASE_URL", server.URL+"/v1")
		t.Setenv("OPENAI_API_KEY", key)
		args := append([]string{"search", "--model", s.model, "--uri", s.uri, "--rerank"}, query[1:]...)
		o := vbgeIn(ctx, "", args...).want(t, 130, "not reranked: ")
		if !strings.Contains(o.out, found.Results[8].ImagePath) {
			t.Errorf("the results are lost: %s", o.out)
		}
	})
}
