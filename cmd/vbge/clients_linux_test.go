package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestServePython has Python's own library send and read every form of a request and a reply, compressed in both ways
// by other programs, and gets golden vectors out of each.
func TestServePython(t *testing.T) {
	s := serve(t, "--model", tinyModel(t), "--uri", "")
	var inputs []any
	var want, pair [][]float32
	given := map[string]any{}
	for _, v := range readGolden(t).vectors() {
		switch {
		case v.Image == "":
			if *v.Text != "" && len(*v.Text) < 100 { // longer ones are refused unless they may be cut
				inputs, want = append(inputs, *v.Text), append(want, v.Embedding)
			}
		case v.Text == nil:
			inputs, want = append(inputs, map[string]any{"image": readFile(t, v.Image)}), append(want, v.Embedding)
		case pair == nil:
			given["image"], given["text"], pair = readFile(t, v.Image), *v.Text, [][]float32{v.Embedding}
		}
	}
	given["inputs"] = inputs
	c := exec.Command("python3", "testdata/plain_client.py", s.url)
	c.Stdin = bytes.NewReader(encode(t, given))
	var wrong bytes.Buffer
	c.Stderr = &wrong
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, wrong.String())
	}
	var got map[string][][]float32
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		want  [][]float32
		extra float64 // of rounding to the type
	}{"json": {want, 0}, "gzip": {want, 0}, "zstd": {want, 0}, "float32": {want, 0}, "float16": {want, 0x1p-12}, "int8": {want, 0.5 / 127},
		"raw": {pair, 0}, "form": {pair, 0}} {
		if name == "zstd" && got[name] == nil {
			t.Log("there is no program zstd to try")
			continue
		}
		if len(got[name]) != len(c.want) {
			t.Fatalf("%s: %d vectors for %d inputs", name, len(got[name]), len(c.want))
		}
		worst := 0.0
		for i, v := range got[name] {
			if name == "int8" {
				v = unit(v)
			}
			worst = max(worst, largest(v, c.want[i]))
		}
		if worst > 5e-6+c.extra {
			t.Errorf("%s: largest difference %g", name, worst)
		}
		t.Logf("%s: %d vectors, largest difference %.2g", name, len(c.want), worst)
	}
	s.stop(t)
}

// unit scales a vector to length 1.
func unit(v []float32) []float32 {
	norm := 0.0
	for _, x := range v {
		norm += float64(x) * float64(x)
	}
	scaled := make([]float32, len(v))
	for i, x := range v {
		scaled[i] = float32(float64(x) / math.Sqrt(norm))
	}
	return scaled
}

// fenced are the blocks of a page's code.
func fenced(t *testing.T, page string) []string {
	t.Helper()
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```\n(.*?)^```").FindAllStringSubmatch(string(readFile(t, page)), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// TestServeAsDocumented runs what the README and docs/server.md have people type.
func TestServeAsDocumented(t *testing.T) {
	for _, program := range []string{"bash", "curl", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s to type with", program)
		}
	}
	shop := newShop(t)
	shop.on(t, "index", shop.images, "--metadata", shop.metadata).want(t, 0)
	at := t.TempDir()
	for _, name := range []string{"shoe.jpg", "boot.jpg", "leopard.jpg", "docs/demo/leopard.jpg"} {
		writeFile(t, filepath.Join(at, name), readFile(t, demoData+"leopard.jpg"))
	}
	typed := func(address, line string) string {
		t.Helper()
		line = strings.ReplaceAll(line, "localhost:8080", strings.TrimPrefix(address, "http://"))
		line = strings.ReplaceAll(line, "curl ", "curl --silent --show-error --fail-with-body --compressed ")
		c := exec.Command("bash", "-c", "set -e\n"+line)
		c.Dir = at
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("%s\n%v: %.300s", line, err, out)
		}
		return string(out)
	}

	s := serve(t, "--model", shop.model, "--uri", shop.uri, "--images", shop.images, "--items-dir", filepath.Join(shop.dir, "items"))
	answers := []struct{ line, says string }{ // the first line that fits counts
		{"-o vectors", ""},
		{"/v1/embeddings", `"usage":{"prompt_tokens":`},
		{"/embed?text=", "[["},
		{"/v1/search", `{"results":[{"rank":0,"id":"`},
		{"/v1/items", `{"items":[{"id":"`},
	}
	for _, page := range []string{"../../README.md", "../../docs/server.md"} {
		lines := 0
		for _, block := range fenced(t, page) {
			for line := range strings.Lines(block) {
				if !strings.HasPrefix(line, "curl ") || strings.Contains(line, "$key") {
					continue
				}
				lines++
				i := slices.IndexFunc(answers, func(a struct{ line, says string }) bool { return strings.Contains(line, a.line) })
				if i < 0 {
					t.Fatalf("%s: %s: what should it answer?", page, line)
				}
				if out := typed(s.url, line); !strings.Contains(out, answers[i].says) {
					t.Errorf("%s: %s: %.300s", page, line, out)
				}
			}
		}
		if lines < 3 {
			t.Errorf("%s: %d lines with curl", page, lines)
		}
	}
	if vectors := readFile(t, filepath.Join(at, "vectors")); len(vectors) != 2*192*2 {
		t.Errorf("two vectors of the demo's 192 values as float16 have %d bytes", len(vectors))
	}
	s.stop(t)

	// The keys: made as the page says, then used as it says.
	for _, block := range fenced(t, "../../docs/server.md") {
		before, curl, found := strings.Cut(block, "curl ")
		if !found || !strings.Contains(before, "key=") {
			continue
		}
		typed("", before+"printf %s \"$key\" >key")
		s := serve(t, "--model", shop.model, "--uri", "", "--keys", filepath.Join(at, "keys"))
		if out := typed(s.url, "key=$(cat key)\ncurl "+curl); !strings.Contains(out, `"usage":`) {
			t.Errorf("with the key: %.300s", out)
		}
		if out, err := exec.Command("curl", "-sS", s.url+"/metrics").Output(); err != nil || !strings.Contains(string(out), "key_missing") {
			t.Errorf("without a key: %.300s, %v", out, err)
		}
		if key, err := os.ReadFile(filepath.Join(at, "key")); err != nil || strings.Contains(s.log.String(), string(key)) || !strings.Contains(s.log.String(), "key=search-team") {
			t.Errorf("the log should have the key's name, not the key: %v\n%s", err, s.log.String())
		}
		s.stop(t)
		return
	}
	t.Error("docs/server.md does not say how to make a key")
}

// TestServeOpenAI has OpenAI's own client ask for golden texts and pairs.
func TestServeOpenAI(t *testing.T) {
	client, err := filepath.Abs("../../third_party/native/openai")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(client); err != nil {
		t.Skip("run third_party/setup --test: it brings in OpenAI's client")
	}
	keys := filepath.Join(t.TempDir(), "keys")
	writeFile(t, keys, fmt.Appendf(nil, "test:%x\n", sha256.Sum256([]byte(key))))
	s := serve(t, "--model", tinyModel(t), "--uri", "", "--keys", keys)
	g := readGolden(t)
	type pair struct {
		Image string `json:"image"`
		Text  string `json:"text"`
	}
	given := struct {
		Texts []string  `json:"texts"`
		IDs   [][]int32 `json:"ids"`
		Pairs []pair    `json:"pairs"`
	}{}
	var texts, pairs [][]float32
	for _, v := range g.vectors() {
		switch {
		case v.Image == "":
			if *v.Text == "" {
				continue // a text without words is none
			}
			given.Texts, texts = append(given.Texts, *v.Text), append(texts, v.Embedding)
		case v.Text != nil:
			given.Pairs = append(given.Pairs, pair{base64.StdEncoding.EncodeToString(readFile(t, v.Image)), *v.Text})
			pairs = append(pairs, v.Embedding)
		}
	}
	for i, text := range g.Texts {
		if text.Text != "" {
			given.IDs = append(given.IDs, g.Texts[i].IDs)
		}
	}
	c := exec.Command("python3", "testdata/openai_client.py", s.url+"/v1", key)
	c.Env = append(os.Environ(), "PYTHONPATH="+client, "PYTHONDONTWRITEBYTECODE=1")
	c.Stdin = bytes.NewReader(encode(t, given))
	var wrong bytes.Buffer
	c.Stderr = &wrong
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, wrong.String())
	}
	var got struct {
		One, Texts, Float, IDs, Pairs [][]float32
		Errors                        map[string][]any
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		got, want [][]float32
	}{{"one", got.One, texts[:1]}, {"texts", got.Texts, texts}, {"float", got.Float, texts}, {"ids", got.IDs, texts}, {"pairs", got.Pairs, pairs}} {
		if len(c.got) != len(c.want) {
			t.Fatalf("%s: %d vectors for %d inputs", c.name, len(c.got), len(c.want))
		}
		worst := 0.0
		for i := range c.got {
			worst = max(worst, largest(c.got[i], c.want[i]))
		}
		if worst > 5e-6 {
			t.Errorf("%s: largest difference %g", c.name, worst)
		}
		t.Logf("%s: %d vectors, largest difference %.2g", c.name, len(c.got), worst)
	}
	for name, want := range map[string]string{"dimensions": "[400 BadRequestError", "empty": "[400 BadRequestError",
		"url": "[400 BadRequestError", "key": "[401 AuthenticationError"} {
		if said := fmt.Sprint(got.Errors[name]); !strings.HasPrefix(said, want) {
			t.Errorf("%s: %s, want %s", name, said, want)
		}
	}
	s.stop(t)
}
