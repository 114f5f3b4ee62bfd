package api

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/x448/float16"

	"vbge/engine/golden"
)

// example is an input with the vector that the original gives it.
type example struct {
	file, text string
	ids        []int32 // in place of text
	want       []float32
}

// input is what stands for it in JSON.
func (x example) input(t testing.TB) any {
	switch {
	case x.ids != nil:
		return x.ids
	case x.file == "":
		return x.text
	}
	image := base64.StdEncoding.EncodeToString(picture(t, x.file))
	if x.text == "" {
		return map[string]string{"image": image}
	}
	return map[string]string{"image": "data:image/png;base64," + image, "text": x.text}
}

// examples are a picture, words, their token ids, and a pair.
func examples(t testing.TB) []example {
	t.Helper()
	set, err := golden.Tiny(reference)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(reference, "golden/tiny.json"))
	if err != nil {
		t.Fatal(err)
	}
	var names struct {
		Texts []struct{ Text string }
		Pairs []struct {
			File  string
			Index int `json:"text_index"`
		}
	}
	if err := json.Unmarshal(text, &names); err != nil {
		t.Fatal(err)
	}
	var all []example
	for _, x := range set.Images {
		if x.Name == "rgb.png" { // decoded alike in every build
			all = append(all, example{file: x.Name, want: x.Want})
		}
	}
	for i, x := range names.Texts[:4] {
		if x.Text != "" { // which the server refuses
			all = append(all, example{text: x.Text, want: set.Texts[i].Want}, example{ids: set.Texts[i].IDs, want: set.Texts[i].Want})
		}
	}
	for i, x := range names.Pairs {
		if filepath.Ext(x.File) == ".png" {
			return append(all, example{file: x.File, text: names.Texts[x.Index].Text, want: set.Pairs[i].Want})
		}
	}
	t.Fatal("no pair with a PNG")
	return nil
}

// near reports how far vectors are off, at most.
func near(t testing.TB, what string, got, want []float32, bound float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst := 0.0
	for i := range got {
		worst = max(worst, math.Abs(float64(got[i])-float64(want[i])))
	}
	if worst > bound {
		t.Errorf("%s: off by %g, bound %g", what, worst, bound)
	}
}

const bound = 5e-6 // of the CPU engines, for equal pixels

// TestGoldenVectors gets the original's vectors out of every form of request and reply.
func TestGoldenVectors(t *testing.T) {
	c := newClient(t, Options{Model: "tiny", MaxItems: 100}, Services{Embedder: &Embedder{Engine: tiny(t)}})
	all := examples(t)
	inputs := make([]any, len(all))
	for i, x := range all {
		inputs[i] = x.input(t)
	}
	body := func(members map[string]any) string {
		text, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	check := func(form string, vectors [][]float32, bound float64) {
		t.Helper()
		if len(vectors) != len(all) {
			t.Fatalf("%s: %d vectors for %d inputs", form, len(vectors), len(all))
		}
		for i, x := range all {
			near(t, fmt.Sprintf("%s, input %d", form, i), vectors[i], x.want, bound)
		}
	}

	for _, encoding := range []string{"float", "base64"} {
		r := c.send(post("/v1/embeddings", body(map[string]any{"input": inputs, "model": "any", "encoding_format": encoding, "dimensions": tiny(t).Dimension()})))
		check("OpenAI, "+encoding, openAIVectors(c, r), bound)
	}
	whole := body(map[string]any{"inputs": inputs})
	check("TEI", decode[[][]float32](c, c.send(post("/embed", whole))), bound)
	for dtype, extra := range map[string]float64{"float32": 0, "float16": 0x1p-12, "int8": 0.5 / 127} {
		r := c.send(post("/embed", whole, "Accept", "application/octet-stream;dtype="+dtype))
		if want := fmt.Sprintf("%d,%d", len(all), tiny(t).Dimension()); r.Header["X-Embedding-Shape"] != want || r.Header["X-Embedding-Dtype"] != dtype {
			t.Errorf("%s: headers %v", dtype, r.Header)
		}
		check(dtype, binaryVectors(t, r.Body, dtype, len(all)), bound+extra)
	}
}

func openAIVectors(c *client, r reply) (vectors [][]float32) {
	c.Helper()
	answer := decode[struct {
		Data []struct{ Embedding json.RawMessage }
	}](c, r)
	for _, x := range answer.Data {
		var values []float32
		var text []byte
		if json.Unmarshal(x.Embedding, &values) != nil {
			if err := json.Unmarshal(x.Embedding, &text); err != nil {
				c.Fatal(err)
			}
			values = make([]float32, len(text)/4)
			if _, err := binary.Decode(text, binary.LittleEndian, values); err != nil {
				c.Fatal(err)
			}
		}
		vectors = append(vectors, values)
	}
	return vectors
}

// binaryVectors reads rows of a dtype; those of int8 are scaled to unit length.
func binaryVectors(t testing.TB, body []byte, dtype string, rows int) [][]float32 {
	t.Helper()
	size := map[string]int{"float32": 4, "float16": 2, "int8": 1}[dtype]
	columns := len(body) / size / rows
	if rows*columns*size != len(body) {
		t.Fatalf("%s: %d bytes for %d rows", dtype, len(body), rows)
	}
	vectors := make([][]float32, rows)
	for i := range vectors {
		row := make([]float32, columns)
		norm := 0.0
		for j := range row {
			value := body[(i*columns+j)*size:]
			switch dtype {
			case "float32":
				row[j] = math.Float32frombits(binary.LittleEndian.Uint32(value))
			case "float16":
				row[j] = float16.Frombits(binary.LittleEndian.Uint16(value)).Float32()
			default:
				row[j] = float32(int8(value[0]))
			}
			norm += float64(row[j]) * float64(row[j])
		}
		if dtype == "int8" {
			for j := range row {
				row[j] /= float32(math.Sqrt(norm))
			}
		}
		vectors[i] = row
	}
	return vectors
}

// TestGoldenForms sends the same as a form and as a picture's file.
func TestGoldenForms(t *testing.T) {
	c := newClient(t, Options{MaxItems: 100}, Services{Embedder: &Embedder{Engine: tiny(t)}})
	for _, x := range examples(t) {
		if x.ids != nil {
			continue
		}
		contentType, body := form(t, x)
		got := decode[[][]float32](c, c.send(post("/embed", body).of(contentType)))
		near(t, "form "+x.file+" "+x.text, got[0], x.want, bound)
		if x.file == "" {
			continue
		}
		target := "/embed"
		if x.text != "" {
			target += "?text=" + url.QueryEscape(x.text)
		}
		got = decode[[][]float32](c, c.send(post(target, string(picture(t, x.file))).of("image/png")))
		near(t, "file "+x.file+" "+x.text, got[0], x.want, bound)
	}
}

// form is a multipart body that holds examples.
func form(t testing.TB, all ...example) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, x := range all {
		if x.file != "" {
			part, err := w.CreateFormFile("image", x.file)
			if err == nil {
				_, err = part.Write(picture(t, x.file))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if x.text != "" {
			if err := w.WriteField("text", x.text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}
