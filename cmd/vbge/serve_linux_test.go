package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"vbge/engine/cpu"
	"vbge/engine/golden"
	"vbge/server/search"
	"vbge/weights"
)

// server is a `vbge serve` in a process of its own.
type server struct {
	*process
	url string
}

// serve starts one on a free port and waits until it answers.
func serve(t *testing.T, args ...string) server {
	t.Helper()
	s := server{process: start(t, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)}
	address := regexp.MustCompile(`msg=serving address=(\S+)`)
	await(t, "for the server to listen", func() bool {
		if found := address.FindStringSubmatch(s.log.String()); found != nil {
			s.url = found[1]
			return true
		}
		if s.exited() {
			t.Fatalf("it ended:\n%s", s.log.String())
		}
		return false
	})
	return s
}

// exited reports whether the process has ended without being waited for.
func (p *process) exited() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

// stop ends the server as an orchestrator does, which must be clean.
func (s server) stop(t *testing.T) {
	t.Helper()
	s.Process.Signal(syscall.SIGTERM)
	if status := s.status(t); status != 0 {
		t.Errorf("exit status %d:\n%s", status, s.log.String())
	}
}

// post sends a body and returns the reply's.
func (s server) post(t *testing.T, path, contentType string, body []byte, want int) []byte {
	t.Helper()
	response, err := http.Post(s.url+path, contentType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != want {
		t.Fatalf("%s: status %d, want %d, %v: %.300s", path, response.StatusCode, want, err, reply)
	}
	return reply
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestServeFullSize has the full-size model's golden pictures and texts go over HTTP.
func TestServeFullSize(t *testing.T) {
	if !cpu.Built {
		t.Log("on engine/ref the full-size model takes minutes")
		return
	}
	// The golden ids are of a vocabulary with [CLS] and [SEP] in BERT's places.
	words := make([]string, weights.Base().Text.VocabSize)
	for i := range words {
		words[i] = fmt.Sprint("word", i)
	}
	words[0], words[100], words[101], words[102], words[103] = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
	vocab := filepath.Join(t.TempDir(), "vocab.txt")
	writeFile(t, vocab, []byte(strings.Join(words, "\n")))
	s := serve(t, "--model", "random", "--vocab", vocab, "--uri", "")
	set, err := golden.Base(strings.TrimSuffix(reference, "/"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range append(set.Images, set.Texts...) {
		var reply []byte
		if e.Pixels == nil {
			reply = s.post(t, "/embed", "application/json", encode(t, map[string]any{"inputs": e.IDs}), http.StatusOK)
		} else {
			reply = s.post(t, "/embed", "image/png", losslessly(t, e.Pixels), http.StatusOK)
		}
		var got [][]float32
		if err := json.Unmarshal(reply, &got); err != nil || len(got) != 1 {
			t.Fatalf("%s: %v: %.200s", e.Name, err, reply)
		}
		d := largest(got[0], e.Want)
		if d > 5e-6 {
			t.Errorf("%s: largest difference %g", e.Name, d)
		}
		t.Logf("%s: largest difference %.2g", e.Name, d)
	}
	s.stop(t)
}

// TestServeFullSizeSearch adds pictures to a catalogue of the full-size model and finds them.
func TestServeFullSizeSearch(t *testing.T) {
	needMilvus(t)
	if !cpu.Built {
		t.Log("on engine/ref the full-size model takes minutes")
		return
	}
	dir := t.TempDir()
	s := serve(t, "--model", "random", "--vocab", demoData+"vocab.txt", "--uri", filepath.Join(dir, "catalog.db"), "--items-dir", filepath.Join(dir, "items"))
	var added struct{ Items []struct{ ID string } }
	ids := map[string]string{}
	for _, name := range []string{"0540.jpg", "0550.jpg", "0560.jpg"} {
		body, form := pictureForm(t, readFile(t, demoData+"images/"+name))
		if err := json.Unmarshal(s.post(t, "/v1/items", form, body, http.StatusOK), &added); err != nil || len(added.Items) != 1 {
			t.Fatalf("%s: %v: %+v", name, err, added)
		}
		ids[name] = added.Items[0].ID
	}
	for name, id := range ids {
		for _, text := range []string{"", "in blue"} {
			query := map[string]any{"image": readFile(t, demoData+"images/"+name), "text": text, "limit": 3}
			var got search.Answer
			if err := json.Unmarshal(s.post(t, "/v1/search", "application/json", encode(t, query), http.StatusOK), &got); err != nil {
				t.Fatal(err)
			}
			if len(got.Results) != 3 || got.Results[0].ID != id || text == "" && got.Results[0].Score < 0.99999 {
				t.Errorf("%s %q finds %+v", name, text, got.Results)
			}
		}
	}
	if cached := s.metric(t, "vbge_picture_cache_hits_total"); cached != 3 {
		t.Errorf("%v pictures came from the cache, want each with its second words", cached)
	}
	s.stop(t)
}

// losslessly is a PNG of a square picture's samples [side, side, 3].
func losslessly(t *testing.T, pixels []uint8) []byte {
	t.Helper()
	side := int(math.Sqrt(float64(len(pixels) / 3)))
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		copy(m.Pix[4*i:], append(pixels[3*i:3*i+3:3*i+3], 255))
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestServeSearch adds pictures over HTTP, finds them, has the choice explained, and deletes one. The
// answers are those of `vbge search`.
func TestServeSearch(t *testing.T) {
	shop := newShop(t)
	shop.on(t, "index", shop.images, "--metadata", shop.metadata).want(t, 0)
	want := shop.search(t, "--image", demoData+"leopard.jpg", "--text", theme)
	llm := newLLM(t, says("Ranked list: [2, 0, 1, 3, 4, 5, 6, 7, 8]\nReasons: the spots are clearest."))
	t.Setenv("OPENAI_API_KEY", key)
	s := serve(t, "--model", shop.model, "--uri", shop.uri, "--images", shop.images, "--items-dir", filepath.Join(shop.dir, "items"),
		"--rerank-url", llm.URL)
	leopard := readFile(t, demoData+"leopard.jpg")
	query := map[string]any{"image": leopard, "text": theme, "rerank": true, "panorama": true}
	var got struct {
		search.Answer
		Panorama []byte `json:"panorama"`
	}
	ask := func() {
		t.Helper()
		got.Answer = search.Answer{}
		if err := json.Unmarshal(s.post(t, "/v1/search", "application/json", encode(t, query), http.StatusOK), &got); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	if !slices.EqualFunc(got.Results, want.Results, func(a, b search.Result) bool {
		return a.ID == b.ID && a.Rank == b.Rank && math.Abs(float64(a.Score-b.Score)) < 1e-5
	}) {
		t.Errorf("over HTTP: %v\nvbge search: %v", got.Results, want.Results)
	}
	if !got.Reranked || *got.Best != 2 || got.Explanation != "the spots are clearest." || !bytes.HasPrefix(got.Panorama, []byte{0xff, 0xd8}) {
		t.Errorf("reranked %v, best %v, %q, panorama of %d bytes", got.Reranked, got.Best, got.Explanation, len(got.Panorama))
	}

	var added struct{ Items []struct{ ID string } }
	body, form := pictureForm(t, leopard)
	if err := json.Unmarshal(s.post(t, "/v1/items", form, body, http.StatusOK), &added); err != nil || len(added.Items) != 1 {
		t.Fatalf("%v: %+v", err, added)
	}
	delete(query, "text")
	query["rerank"] = false
	ask()
	if first := got.Results[0]; first.ID != added.Items[0].ID || first.Score < 0.99999 {
		t.Errorf("the picture itself is not found first: %+v", first)
	}
	if hits := s.metric(t, "vbge_picture_cache_hits_total"); hits != 2 {
		t.Errorf("the picture came %v times from the cache, want twice: to be added, and with other words", hits)
	}
	kept := s.get(t, "/v1/items/"+added.Items[0].ID+"/image", http.StatusOK)
	if !bytes.Equal(kept, leopard) {
		t.Errorf("%d bytes come back, %d were sent", len(kept), len(leopard))
	}
	request, _ := http.NewRequest(http.MethodDelete, s.url+"/v1/items/"+added.Items[0].ID, nil)
	if response, err := http.DefaultClient.Do(request); err != nil || response.StatusCode/100 != 2 {
		t.Fatalf("delete: %v %v", response, err)
	}
	ask()
	if got.Results[0].ID == added.Items[0].ID {
		t.Error("it is found after it was deleted")
	}
	s.get(t, "/v1/items/"+added.Items[0].ID+"/image", http.StatusNotFound)
	s.stop(t)
	if left := serving(shop.uri, s.Process.Pid); len(left) > 0 {
		t.Errorf("processes %v still serve %s", left, shop.uri)
	}
}

func (s server) get(t *testing.T, path string, want int) []byte {
	t.Helper()
	response, err := http.Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != want {
		t.Fatalf("%s: status %d, want %d, %v: %.300s", path, response.StatusCode, want, err, body)
	}
	return body
}

func pictureForm(t *testing.T, picture []byte) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("image", "picture.jpg")
	if err != nil {
		t.Fatal(err)
	}
	part.Write(picture)
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

// TestServeTerm stops a server under load: whoever got through gets an answer, and the status is 0. Clients that the kernel
// lets in between the last accept and the listener's end are reset, as by any server: the log does not know their requests.
func TestServeTerm(t *testing.T) {
	s := serve(t, "--model", tinyModel(t), "--uri", "", "--shutdown-delay", "100ms", "--max-queue", "100000", "--queue-timeout", "1m")
	body := encode(t, map[string]any{"input": slices.Repeat([]string{"a red shoe"}, 20), "encoding_format": "base64"})
	var answered, stopping atomic.Int64
	var lost, unanswered sync.Map
	var clients sync.WaitGroup
	for i := range 32 {
		clients.Go(func() {
			transport := &http.Transport{DisableKeepAlives: i%2 == 0}
			defer transport.CloseIdleConnections()
			client := http.Client{Transport: transport}
			for n := 0; ; n++ {
				id := fmt.Sprintf("client-%d-%d.", i, n)
				request, err := http.NewRequest(http.MethodPost, s.url+"/v1/embeddings", bytes.NewReader(body))
				if err != nil {
					lost.Store(err.Error(), id)
					return
				}
				request.Header = http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {id}}
				response, err := client.Do(request)
				if errors.Is(err, syscall.ECONNREFUSED) {
					return // nobody listens any more
				}
				if err != nil {
					unanswered.Store(id, err)
					return
				}
				reply, err := io.ReadAll(response.Body)
				response.Body.Close()
				var e struct{ Data []struct{ Embedding string } }
				switch {
				case err != nil:
					lost.Store(err.Error(), id)
				case response.StatusCode == http.StatusServiceUnavailable:
					stopping.Add(1)
				case response.StatusCode != http.StatusOK || json.Unmarshal(reply, &e) != nil || len(e.Data) != 20:
					lost.Store(fmt.Sprintf("status %d: %.200s", response.StatusCode, reply), id)
				default:
					answered.Add(1)
				}
			}
		})
	}
	await(t, "for some answers", func() bool { return answered.Load() > 100 })
	s.Process.Signal(syscall.SIGTERM)
	clients.Wait()
	if status := s.status(t); status != 0 {
		t.Errorf("exit status %d:\n%.2000s", status, s.log.String())
	}
	unanswered.Range(func(id, err any) bool {
		if strings.Contains(s.log.String(), "id="+id.(string)) {
			lost.Store(err.(error).Error(), id)
		}
		return true
	})
	lost.Range(func(what, client any) bool {
		t.Errorf("client %v: %v", client, what)
		return true
	})
	t.Logf("%d answered, %d told that the server stops", answered.Load(), stopping.Load())
}

// TestServeWrongUse is refused before a model is loaded.
func TestServeWrongUse(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--log-format", "xml"}, "--log-format xml: choose text or json"},
		{[]string{"--max-items", "0"}, "--max-items 0: choose from 1 to --max-queue"},
		{[]string{"--max-items", "9", "--max-queue", "8"}, "--max-items 9: choose from 1 to --max-queue, which is 8"},
		{[]string{"--queue-timeout", "0s"}, "--queue-timeout 0s is not positive"},
		{[]string{"--uri", "", "--items-dir", "x"}, "--items-dir needs --uri"},
		{[]string{"--keys", "nowhere"}, "--keys: read keys: open nowhere"},
		{[]string{"--listen", "nowhere"}, "--listen nowhere"},
		{[]string{"--model", "nowhere", "--max-body-bytes", "0"}, "--max-body-bytes"},
	} {
		vbge(t, append([]string{"serve"}, c.args...)...).want(t, exitUsage, c.says)
	}
}
