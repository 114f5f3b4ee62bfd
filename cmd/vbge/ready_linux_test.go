package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestServeWrongVectors: a device that makes something else of the known input than conversion did gets no requests.
func TestServeWrongVectors(t *testing.T) {
	model := tinyModel(t)
	path := filepath.Join(model, "selftest.json")
	var kept map[string]any
	if err := json.Unmarshal(readFile(t, path), &kept); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(kept["embedding"].([]any)) // still of unit length
	writeFile(t, path, encode(t, kept))
	s := serve(t, "--model", model, "--uri", "")
	for _, path := range []string{"/health", "/health/ready"} {
		if said := s.get(t, path, http.StatusServiceUnavailable); !strings.Contains(string(said), `"code":"not_ready"`) {
			t.Errorf("%s: %s", path, said)
		}
	}
	for path, body := range map[string]string{"/v1/embeddings": `{"input": "a"}`, "/embed": `{"inputs": ["a", "b"]}`} {
		said := s.post(t, path, "application/json", []byte(body), http.StatusServiceUnavailable)
		if !strings.Contains(string(said), `"code":"not_ready","message":"the device has failed its test: its vectors are wrong"`) {
			t.Errorf("%s: %s", path, said)
		}
	}
	s.get(t, "/health/live", http.StatusOK)
	if log := s.log.String(); !strings.Contains(log, `msg="not ready"`) {
		t.Errorf("it is not in the log:\n%s", log)
	}
	s.stop(t)
}

// TestServeWithoutMilvus starts where there is none: embeddings are answered, and what needs it says so.
func TestServeWithoutMilvus(t *testing.T) {
	s := serve(t, "--model", tinyModel(t), "--uri", "http://127.0.0.1:1", "--items-dir", t.TempDir())
	s.post(t, "/v1/embeddings", "application/json", []byte(`{"input": "a"}`), http.StatusOK)
	picture := readFile(t, imagePath("rgb.png"))
	for path, body := range map[string][]byte{"/v1/search": picture, "/v1/items": picture} {
		if said := s.post(t, path, "image/png", body, http.StatusServiceUnavailable); !strings.Contains(string(said), `"code":"milvus_unreachable"`) {
			t.Errorf("%s: %s", path, said)
		}
	}
	if said := s.get(t, "/health/ready", http.StatusServiceUnavailable); !strings.Contains(string(said), "Milvus cannot be reached") {
		t.Errorf("/health/ready: %s", said)
	}
	s.get(t, "/health/live", http.StatusOK)
	s.stop(t)
}
