package engine

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"os"
	"slices"
	"sync"
	"testing"

	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/tokenizer"
	"vbge/weights"
)

// fakeDevice computes nothing. An embedding's first value is the id of the input's first word, which tells whose it is.
type fakeDevice struct {
	class int32         // [CLS]
	gate  chan struct{} // if not nil each pass receives from it before it ends
	run   func(ids []int32) error

	mu      sync.Mutex
	inputs  int // computed
	passes  int
	started int
	broken  error
}

func (f *fakeDevice) Name() string { return "fake" }
func (f *fakeDevice) Close() error { return nil }

func (f *fakeDevice) NewLinear(out, in int, _, _ []float32) (op.Linear, error) {
	return op.Linear{Out: out, In: in}, nil
}

func (f *fakeDevice) NewTable(rows, cols int, _ []float32) (op.Table, error) {
	return op.Table{Rows: rows, Cols: cols}, nil
}

// Ready implements op.Monitor.
func (f *fakeDevice) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken
}

func (f *fakeDevice) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
}

func (f *fakeDevice) Run(ctx context.Context, p *op.Pass) error {
	if err := errors.Join(p.Err(), ctx.Err()); err != nil {
		return err
	}
	f.mu.Lock()
	f.started++
	f.mu.Unlock()
	if f.gate != nil {
		<-f.gate
	}
	at := slices.IndexFunc(p.Nodes, func(n op.Node) bool { _, ok := n.Operation.(op.Embedding); return ok })
	ids := p.Nodes[at].Operation.(op.Embedding).IDs
	if f.run != nil {
		if err := f.run(ids); err != nil {
			return err
		}
	}
	row := 0
	for i, id := range ids {
		if id == f.class {
			p.Outputs[0].Into[row*p.Outputs[0].Tensor.Cols] = float32(ids[i+1])
			row++
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passes++
	f.inputs += row
	return nil
}

// computed returns how many inputs and passes have gone through.
func (f *fakeDevice) computed() (inputs, passes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.inputs, f.passes
}

// tinyWeights is the golden model's configuration with all weights 0, and its tokenizer.
func tinyWeights(t testing.TB) (weights.ShapesModel, *tokenizer.Tokenizer) {
	t.Helper()
	config, err := weights.ReadConfig("testdata/reference/tiny.json")
	if err != nil {
		t.Fatal(err)
	}
	words, err := tokenizer.Load("testdata/reference/tiny_vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	return weights.Shapes(config), words
}

// fakeEngine is an engine on a fake device. The caller closes it.
func fakeEngine(t testing.TB, o Options, device *fakeDevice) *Engine {
	t.Helper()
	w, words := tinyWeights(t)
	return fakeEngineOf(t, w, words, o, device)
}

func fakeEngineOf(t testing.TB, w weights.ShapesModel, words *tokenizer.Tokenizer, o Options, device *fakeDevice) *Engine {
	t.Helper()
	device.class = words.Encode(nil, "", 0)[0]
	m, err := model.Load(device, w, model.Options{PooledRowOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	o.MaxBatchTokens = max(o.MaxBatchTokens, 64)
	e := &Engine{replicas: replicas{all: []*replica{{device, m}}, passes: 1}, config: w.Config(), tokenizer: words, options: o.withDefaults()}
	e.start()
	return e
}

// pictureFile is a PNG of one colour.
func pictureFile(t testing.TB, side int) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// read returns a golden picture.
func read(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.ReadFile("testdata/reference/golden/images/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
