package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbge/engine/cpu"
	"vbge/engine/golden"
	"vbge/server/catalog"
	"vbge/tokenizer"
	"vbge/weights"
	"vbge/weights/npy"
	"vbge/weights/safetensors"
	"vbge/weights/tensor"
)

// textsModel is the golden model's BERT alone, under a BERT's own names: of texts it makes the same vectors.
func textsModel(t testing.TB) string {
	t.Helper()
	file := readFile(t, filepath.Join(tinyModel(t), "model.safetensors"))
	header, err := safetensors.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	var bert []tensor.Source
	for name, e := range header.Tensors {
		if own, ok := strings.CutPrefix(name, "bge_"); ok {
			bert = append(bert, tensor.Source{Name: own, DType: e.DType, Shape: e.Shape, Data: func(w io.Writer) error {
				_, err := w.Write(file[header.DataOffset+e.Begin : header.DataOffset+e.End])
				return err
			}})
		}
	}
	checkpoint := filepath.Join(t.TempDir(), "bert.safetensors")
	f, err := os.Create(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(safetensors.Write(f, nil, bert), f.Close()); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "texts")
	vbge(t, "convert", checkpoint, "--vocab", reference+"tiny_vocab.txt", "--out", dir).want(t, 0)
	return dir
}

// TestTextsAlone: each command does with a model for texts alone what can be done, and refuses pictures by name.
func TestTextsAlone(t *testing.T) {
	model := textsModel(t)
	picture := imagePath("rgb.png")
	const refused = "this model has no vision tower: it embeds texts alone"
	var texts []vector
	for _, v := range readGolden(t).vectors() {
		if v.Image == "" {
			texts = append(texts, v)
		}
	}
	lines := filepath.Join(t.TempDir(), "vectors.jsonl")
	writeFile(t, lines, []byte(jsonLines(t, texts...)))
	t.Log(vbge(t, "verify", "--model", model, lines).want(t, 0, "25 of 25 within bounds").out)

	vbge(t, "doctor", "--model", model).want(t, 0, "texts alone, 2 layers of width 128, pooling cls")
	o := vbgeOn(t, `{"image":"`+picture+`"}`+"\n"+`{"text":"a red car"}`, "embed", "--model", model).want(t, 1, "1 of 2 lines failed")
	if l := o.lines(); len(l) != 2 || !strings.Contains(l[0], refused) || !strings.Contains(l[1], `"embedding"`) {
		t.Errorf("%q", l)
	}
	vbge(t, "bench", "--model", model, "--time", "0s", "--rounds", "1", "--batches", "2").want(t, 0, "text")
	for name, args := range map[string][]string{
		"bench":  {"bench", "--model", model, "--kinds", "image", "--time", "0s"},
		"pixels": {"pixels", picture, "--model", model, "--npy", filepath.Join(t.TempDir(), "p.npy")},
		"index":  {"index", reference + "golden/images", "--model", model, "--uri", filepath.Join(t.TempDir(), "none.db")},
		"items":  {"serve", "--model", model, "--listen", "127.0.0.1:0", "--uri", filepath.Join(t.TempDir(), "none.db"), "--items-dir", t.TempDir()},
		"page":   {"serve", "--model", model, "--listen", "127.0.0.1:0", "--uri", "", "--examples", demoData + "examples.json"},
	} {
		t.Run(name, func(t *testing.T) { vbge(t, args...).want(t, 2, refused) })
	}
}

// TestTextsSearch searches, by words, a catalogue whose vectors a model for texts alone has made.
func TestTextsSearch(t *testing.T) {
	needMilvus(t)
	model, uri := textsModel(t), filepath.Join(t.TempDir(), "c.db")
	folder, err := weights.Open(model)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	c, err := catalog.Open(t.Context(), catalog.Options{URI: uri, Model: folder.ID(), Dimension: 128, Write: true})
	if err != nil {
		t.Fatal(err)
	}
	var rows []catalog.Row
	for i, text := range []string{"a red car", "a blue mug"} {
		var made vector
		if err := json.Unmarshal([]byte(vbgeOn(t, jsonLines(t, vector{Text: &text}), "embed", "--model", model).want(t, 0).out), &made); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, catalog.Row{ID: string(rune('a' + i)), ImagePath: text, Vector: made.Embedding})
	}
	if err := errors.Join(c.Upsert(t.Context(), rows), c.Close()); err != nil {
		t.Fatal(err)
	}
	o := vbge(t, "search", "--model", model, "--uri", uri, "--text", "a blue mug", "--json").want(t, 0)
	var found struct {
		Results []struct {
			Path  string  `json:"image_path"`
			Score float64 `json:"score"`
		}
	}
	if err := json.Unmarshal([]byte(o.out), &found); err != nil || len(found.Results) != 2 || found.Results[0].Path != "a blue mug" || found.Results[0].Score < 0.9999 {
		t.Errorf("%v: %s", err, o.out)
	}
	vbge(t, "search", "--model", model, "--uri", uri, "--image", imagePath("rgb.png")).want(t, 2, "no vision tower")
}

// TestTrained converts the trained MiniLM, with both poolings, with its own configuration and without, and has it embed
// the golden texts; by plain Go, which is slow, short ones alone.
func TestTrained(t *testing.T) {
	checkpoint, vocab, err := golden.MiniLMFiles("../..")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	var g struct{ Texts []struct{ Text string } }
	if err := json.Unmarshal(readFile(t, reference+"golden/minilm.json"), &g); err != nil {
		t.Fatal(err)
	}
	arrays, err := npy.ReadArchive(reference + "golden/minilm.npz")
	if err != nil {
		t.Fatal(err)
	}
	words, err := tokenizer.Load(vocab)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "config.json") // as transformers has it beside the checkpoint
	writeFile(t, config, []byte(`{"model_type": "bert", "hidden_act": "gelu", "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
		"intermediate_size": 1536, "max_position_embeddings": 512, "type_vocab_size": 2, "vocab_size": 30522, "layer_norm_eps": 1e-12}`))
	var ids []string
	for pooling, more := range map[string][]string{"cls": nil, "mean": {"--config", config}} {
		dir := filepath.Join(t.TempDir(), pooling)
		args := append([]string{"convert", checkpoint, "--vocab", vocab, "--pooling", pooling, "--out", dir}, more...)
		vbge(t, args...).want(t, 0, "text.heads = 12", "pooling   "+pooling)
		a := arrays[pooling+"_embeddings"]
		var lines []vector
		for i := range g.Texts {
			if n := len(words.Encode(nil, g.Texts[i].Text, 0)); cpu.Built || n <= 8 {
				lines = append(lines, vector{Text: &g.Texts[i].Text, Embedding: a.Float32[i*a.Shape[1] : (i+1)*a.Shape[1]]})
			}
		}
		path := filepath.Join(t.TempDir(), "golden.jsonl")
		writeFile(t, path, []byte(jsonLines(t, lines...)))
		t.Logf("%s: %s", pooling, vbge(t, "verify", "--model", dir, path).want(t, 0, "within bounds").out)
		folder, err := weights.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, folder.ID())
		folder.Close()
	}
	if ids[0] == ids[1] {
		t.Errorf("both poolings have the id %s: a collection would mix their vectors", ids[0])
	}
}
