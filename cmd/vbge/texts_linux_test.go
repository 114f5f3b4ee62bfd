package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestServeTexts: a server with a model for texts alone makes golden vectors of texts, and says what it does not take.
func TestServeTexts(t *testing.T) {
	s := serve(t, "--model", textsModel(t), "--uri", "")
	var texts []string
	var want [][]float32
	for _, v := range readGolden(t).vectors() {
		if v.Image == "" && *v.Text != "" && len(*v.Text) < 100 { // longer ones are refused unless they may be cut
			texts, want = append(texts, *v.Text), append(want, v.Embedding)
		}
	}
	compare := func(route string, got [][]float32) {
		t.Helper()
		worst := 0.0
		for i := range want {
			worst = max(worst, largest(got[i], want[i]))
		}
		if len(got) != len(want) || !(worst <= bound) {
			t.Errorf("%s: %d vectors, largest difference %.2g", route, len(got), worst)
		}
		t.Logf("%s: %d vectors, largest difference %.2g", route, len(got), worst)
	}
	var tei [][]float32
	if err := json.Unmarshal(s.post(t, "/embed", "application/json", encode(t, map[string]any{"inputs": texts}), http.StatusOK), &tei); err != nil {
		t.Fatal(err)
	}
	compare("/embed", tei)
	var openAI struct {
		Data []struct{ Embedding []float32 }
	}
	if err := json.Unmarshal(s.post(t, "/v1/embeddings", "application/json", encode(t, map[string]any{"input": texts}), http.StatusOK), &openAI); err != nil {
		t.Fatal(err)
	}
	var vectors [][]float32
	for _, d := range openAI.Data {
		vectors = append(vectors, d.Embedding)
	}
	compare("/v1/embeddings", vectors)

	refusesPictures(t, s)
	for path, part := range map[string]string{"/health": `"images":false`, "/info": `"images":{"available":false,"reason":"this model has no vision tower`} {
		if got := string(s.get(t, path, http.StatusOK)); !strings.Contains(got, part) {
			t.Errorf("%s: %s, want %s", path, got, part)
		}
	}
	if got := string(s.get(t, "/info", http.StatusOK)); !strings.Contains(got, `"available":false,"reason":"this model has no vision tower: it embeds texts alone"},"limits"`) {
		t.Errorf("items: %s", got)
	}
	s.stop(t)
}

// refusesPictures sends a picture on each route, which is the client's mistake and costs a text beside it nothing.
func refusesPictures(t *testing.T, s server) {
	t.Helper()
	picture := readFile(t, imagePath("rgb.png"))
	form, formType := pictureForm(t, picture)
	embedded := base64.StdEncoding.EncodeToString(picture)
	asked := encode(t, map[string]any{"input": []any{map[string]any{"image": embedded, "text": "in red"}}})
	for name, r := range map[string]struct {
		path, contentType string
		body              []byte
	}{
		"OpenAI's":    {"/v1/embeddings", "application/json", asked},
		"TEI's":       {"/embed", "application/json", encode(t, map[string]any{"inputs": []any{map[string]any{"image": embedded}}})},
		"raw":         {"/embed", "image/png", picture},
		"not decoded": {"/embed", "image/png", picture[:40]},
		"form":        {"/embed", formType, form},
	} {
		var refused struct {
			Error struct{ Code, Message string }
		}
		reply := s.post(t, r.path, r.contentType, r.body, http.StatusBadRequest)
		if err := json.Unmarshal(reply, &refused); err != nil || refused.Error.Code != "no_vision" || !strings.Contains(refused.Error.Message, "texts alone") {
			t.Errorf("%s: %.300s", name, reply)
		}
	}
	mixed := s.post(t, "/v1/embeddings", "application/json", encode(t, map[string]any{"input": []any{map[string]any{"image": embedded}, "a red car"}}), http.StatusOK)
	if !strings.Contains(string(mixed), `"no_vision"`) || !strings.Contains(string(mixed), `"embedding":[`) {
		t.Errorf("a picture among texts: %.300s", mixed)
	}
}
