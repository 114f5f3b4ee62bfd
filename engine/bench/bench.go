// Package bench measures how many pictures, texts and pairs a second the engine embeds, beside the
// rate of the same device's bare matrix products in the same run: the share of the limit.
package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"vbge/engine"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/engine/processors"
	"vbge/weights"
)

// Options choose what is measured.
type Options struct {
	Engine  engine.Options
	Weights model.Weights
	Batches []int         // inputs in one batch
	Kinds   []string      // of image, pair, text, and text with a number of tokens: text128; model.ErrNoVision where the model cannot
	Time    time.Duration // for all turns of one kind and batch
	Rounds  int           // in which each kind and batch has a turn

	// Vectors, if there is one, is given what each kind and batch comes to, [batch, H], before any is measured.
	Vectors func(kind string, batch int, values []float32) error
}

// Row is one measurement: medians over the turns.
type Row struct {
	Kind      string  `json:"kind"`
	Batch     int     `json:"batch"`
	PerSecond float64 `json:"per_second"`
	Tokens    float64 `json:"tokens_per_second"` // through the text tower
	GFLOPs    float64 `json:"gflops"`            // a second, of matrix products and attention
	Share     float64 `json:"share"`             // of the bare products' rate
}

// Report is all of a run.
type Report struct {
	Device        string  `json:"device"`
	Precision     string  `json:"precision"`
	Threads       int     `json:"threads"`
	ProductGFLOPs float64 `json:"product_gflops"` // a second, of bare matrix products
	Rows          []Row   `json:"rows"`
}

// work is a pass to run over and over, and as many copies of it as run at once.
type work struct {
	kind   string
	batch  int
	passes []*op.Pass
	tokens int
	times  []float64 // of each turn's run, seconds
	shares []float64 // of the bare products' rate in the same turn
}

// Run measures. Kinds and batches take turns, so that a slow moment of the machine hits them all.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Engine.Threads <= 0 {
		o.Engine.Threads = processors.Find().Usable()
	}
	precision, err := o.Engine.DevicePrecision()
	if err != nil {
		return nil, err
	}
	o.Engine.Precision = precision // for the report
	backend, modelOptions, err := engine.OpenDevice(o.Engine)
	if err != nil {
		return nil, err
	}
	defer backend.Close()
	m, err := model.Load(backend, o.Weights, modelOptions)
	if err != nil {
		return nil, err
	}
	products, err := bareProducts(backend, o.Weights.Config())
	if err != nil {
		return nil, err
	}
	var all []*work
	for _, kind := range o.Kinds {
		for _, batch := range o.Batches {
			w, err := newWork(m, o.Weights.Config(), kind, batch, engine.PassesAtOnce(backend))
			if err != nil {
				return nil, err
			}
			all = append(all, w)
		}
	}
	for _, w := range append([]*work{products}, all...) { // compiles products and takes memory
		for _, p := range w.passes {
			if err := backend.Run(ctx, p); err != nil {
				return nil, err
			}
		}
	}
	if err := o.showVectors(all); err != nil {
		return nil, err
	}
	turn := o.Time / time.Duration(max(1, o.Rounds))
	for range max(1, o.Rounds) {
		for _, w := range all {
			if err := w.measure(ctx, backend, products, turn); err != nil {
				return nil, fmt.Errorf("measure %s, batch %d: %w", w.kind, w.batch, err)
			}
		}
	}
	return report(backend.Name(), o, products, all), nil
}

func (o Options) showVectors(all []*work) error {
	if o.Vectors == nil {
		return nil
	}
	for _, w := range all {
		if err := o.Vectors(w.kind, w.batch, w.passes[0].Outputs[0].Into); err != nil {
			return fmt.Errorf("vectors of %s, batch %d: %w", w.kind, w.batch, err)
		}
	}
	return nil
}

// measure runs the bare products and then w for a turn. Their rates are compared turn by turn:
// on a shared machine two figures that were taken a minute apart say little about each other.
func (w *work) measure(ctx context.Context, b op.Backend, products *work, turn time.Duration) error {
	bare, err := products.repeat(ctx, b, turn/4)
	if err != nil {
		return err
	}
	own, err := w.repeat(ctx, b, turn)
	if err != nil {
		return err
	}
	w.times = append(w.times, own)
	products.times = append(products.times, bare)
	w.shares = append(w.shares, flops(w.passes[0])/own/(flops(products.passes[0])/bare))
	return nil
}

// repeat runs w at least once, then until its turn is over, and returns the seconds of one pass: the
// median, or with several at once their mean share of the turn.
func (w *work) repeat(ctx context.Context, b op.Backend, turn time.Duration) (float64, error) {
	if len(w.passes) > 1 {
		return w.repeatAtOnce(ctx, b, turn)
	}
	var times []float64
	for start := time.Now(); len(times) == 0 || time.Since(start) < turn; {
		began := time.Now()
		if err := b.Run(ctx, w.passes[0]); err != nil {
			return 0, err
		}
		times = append(times, time.Since(began).Seconds())
	}
	return median(times), nil
}

func (w *work) repeatAtOnce(ctx context.Context, b op.Backend, turn time.Duration) (float64, error) {
	runs := make([]int, len(w.passes))
	group, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for i, p := range w.passes {
		group.Go(func() error {
			for runs[i] == 0 || time.Since(start) < turn {
				if err := b.Run(ctx, p); err != nil {
					return err
				}
				runs[i]++
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	total := 0
	for _, n := range runs {
		total += n
	}
	return time.Since(start).Seconds() / float64(total), nil
}

func report(device string, o Options, products *work, all []*work) *Report {
	r := &Report{Device: device, Precision: o.Engine.Precision, Threads: o.Engine.Threads, ProductGFLOPs: flops(products.passes[0]) / median(products.times) / 1e9}
	for _, w := range all {
		t := median(w.times)
		r.Rows = append(r.Rows, Row{Kind: w.kind, Batch: w.batch, PerSecond: float64(w.batch) / t, Tokens: float64(w.tokens) / t,
			GFLOPs: flops(w.passes[0]) / t / 1e9, Share: median(w.shares)})
	}
	return r
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// flops counts a pass's matrix products and attention, a multiply and an add as two.
func flops(p *op.Pass) float64 {
	total := 0.0
	for _, n := range p.Nodes {
		total += flopsOf(n)
	}
	return total
}

func flopsOf(n op.Node) float64 {
	total := 0.0
	switch o := n.Operation.(type) {
	case op.LinearLayer:
		total = 2 * float64(o.X.Rows) * float64(o.Weight.In) * float64(o.Weight.Out)
	case op.Attention:
		for i := range o.Queries.Len() {
			q, k := o.Queries[i+1]-o.Queries[i], o.Keys[i+1]-o.Keys[i]
			total += 4 * float64(q) * float64(k) * float64(o.Q.Cols)
		}
	}
	return total
}

// bareProducts is the widest product of the text tower at eight pictures' rows, or two of the longest texts', a few
// times over.
func bareProducts(b op.Backend, c weights.Config) (*work, error) {
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, c.Text.Intermediate*c.Text.Hidden)
	for i := range values {
		values[i] = random.Float32() - 0.5
	}
	up, err := b.NewLinear(c.Text.Intermediate, c.Text.Hidden, values, nil)
	if err != nil {
		return nil, err
	}
	rows := 2 * c.MaxTextTokens(false)
	if c.TakesPictures() {
		rows = 8 * (c.Patches() + 2)
	}
	table, err := b.NewTable(1, c.Text.Hidden, values[:c.Text.Hidden])
	if err != nil {
		return nil, err
	}
	var p op.Pass
	x := p.Embedding(op.Embedding{Word: table, TokenType: table, Position: table,
		IDs: make([]int32, rows), Positions: make([]int32, rows)})
	for range 4 {
		p.Linear(x, up)
	}
	return &work{kind: "products", batch: 8, passes: []*op.Pass{&p}}, p.Err()
}

// newWork records atOnce copies of a batch.
func newWork(m *model.Model, c weights.Config, kind string, batch, atOnce int) (*work, error) {
	w := &work{kind: kind, batch: batch}
	for range atOnce {
		p, tokens, err := Record(m, c, kind, batch)
		if err != nil {
			return nil, err
		}
		w.passes, w.tokens = append(w.passes, p), tokens
	}
	return w, nil
}
