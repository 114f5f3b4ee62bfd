package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vbge/engine"
	"vbge/engine/model"
	"vbge/engine/op"
)

// ErrNoProfile says that a device cannot tell what it spends its time on.
var ErrNoProfile = errors.New("only the CPU engine can be profiled: use --device cpu, or NVIDIA's tools for a GPU")

// ProfileReport says where the time of a pass goes.
type ProfileReport struct {
	Device     string       `json:"device"`
	Precision  string       `json:"precision"`
	Kind       string       `json:"kind"`
	Batch      int          `json:"batch"`
	Processors int          `json:"processors"`
	Wall       float64      `json:"wall_ms"` // of a pass, the median
	PeakGFLOPs float64      `json:"peak_gflops"`
	PeakGBs    float64      `json:"peak_gbs"`
	Operations []ProfileRow `json:"operations"` // longest first
}

// ProfileRow is all nodes of one kind in a pass.
type ProfileRow struct {
	Operation string  `json:"operation"`
	Count     int     `json:"count"`
	Time      float64 `json:"ms"`             // of a pass, all processors' divided by their number; the median
	Share     float64 `json:"share"`          // of the wall time
	Products  float64 `json:"products_share"` // of its time, in bare matrix products
	GFLOPs    float64 `json:"gflops"`         // a second
	OfPeak    float64 `json:"of_peak"`        // of the multiply-adds that the processors can do
	GBs       float64 `json:"gbs"`            // a second of operands and results, whichever cache they are in
	OfMemory  float64 `json:"of_memory"`      // of what the processors can read from memory
}

// Profile runs batches of a kind for o.Time and says what each operation took. Of o, the first kind and batch count.
func Profile(ctx context.Context, o Options) (*ProfileReport, error) {
	backend, modelOptions, err := engine.OpenDevice(o.Engine)
	if err != nil {
		return nil, err
	}
	defer backend.Close()
	profiler, ok := backend.(op.Profiler)
	if !ok {
		return nil, fmt.Errorf("profile on %s: %w", backend.Name(), ErrNoProfile)
	}
	m, err := model.Load(backend, o.Weights, modelOptions)
	if err != nil {
		return nil, err
	}
	pass, _, err := Record(m, o.Weights.Config(), o.Kinds[0], o.Batches[0])
	if err != nil {
		return nil, err
	}
	peak, err := profiler.Peak(ctx)
	if err != nil {
		return nil, err
	}
	if err := backend.Run(ctx, pass); err != nil { // compiles products and takes memory
		return nil, err
	}
	var walls []float64
	rows := newProfileRows(pass)
	for start := time.Now(); len(walls) == 0 || time.Since(start) < o.Time; {
		began := time.Now()
		spent, err := profiler.Profile(ctx, pass)
		if err != nil {
			return nil, err
		}
		walls = append(walls, time.Since(began).Seconds())
		rows.add(spent)
	}
	r := &ProfileReport{Device: backend.Name(), Precision: cmp.Or(o.Engine.Precision, "float32"), Kind: o.Kinds[0], Batch: o.Batches[0],
		Processors: peak.Processors, Wall: 1e3 * median(walls), PeakGFLOPs: peak.Operations / 1e9, PeakGBs: peak.Bytes / 1e9}
	r.Operations = rows.report(r.Wall/1e3, peak)
	return r, nil
}

// profileRows collects the times of a pass's nodes by what they are.
type profileRows struct {
	names []string // of each node
	all   map[string]*profileSum
}

type profileSum struct {
	count        int
	flops, bytes float64
	total        []float64 // seconds of processors, a pass each
	products     []float64
}

func newProfileRows(p *op.Pass) profileRows {
	r := profileRows{all: map[string]*profileSum{}}
	for _, n := range p.Nodes {
		name := nameOf(n)
		r.names = append(r.names, name)
		s := r.all[name]
		if s == nil {
			s = &profileSum{}
			r.all[name] = s
		}
		s.count++
		s.flops += flopsOf(n)
		s.bytes += bytesOf(n)
	}
	return r
}

// nameOf is an operation's name, and of a product its depth and width.
func nameOf(n op.Node) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", n.Operation), "op.")
	if l, ok := n.Operation.(op.LinearLayer); ok {
		name = fmt.Sprintf("LinearLayer %d to %d", l.Weight.In, l.Weight.Out)
	}
	return name
}

// bytesOf counts what a node reads and writes as float32: weights, operands, result.
func bytesOf(n op.Node) float64 {
	values := n.Out.Rows * n.Out.Cols
	for _, x := range n.Operation.Inputs() {
		values += x.Rows * x.Cols
	}
	if l, ok := n.Operation.(op.LinearLayer); ok {
		values += l.Weight.In * l.Weight.Out
	}
	return 4 * float64(values)
}

func (r profileRows) add(spent []op.Spent) {
	sums := map[string]op.Spent{}
	for i, s := range spent {
		sum := sums[r.names[i]]
		sums[r.names[i]] = op.Spent{Total: sum.Total + s.Total, Products: sum.Products + s.Products}
	}
	for name, s := range sums {
		r.all[name].total = append(r.all[name].total, s.Total.Seconds())
		r.all[name].products = append(r.all[name].products, s.Products.Seconds())
	}
}

// report makes rows of the sums. What no operation accounts for, waiting and what is not timed, is the last.
func (r profileRows) report(wall float64, peak op.Peak) []ProfileRow {
	var rows []ProfileRow
	left := wall
	for name, s := range r.all {
		t := median(s.total) / float64(peak.Processors)
		left -= t
		row := ProfileRow{Operation: name, Count: s.count, Time: 1e3 * t, Share: t / wall}
		if t > 0 {
			row.Products = median(s.products) / float64(peak.Processors) / t
			row.GFLOPs, row.GBs = s.flops/t/1e9, s.bytes/t/1e9
			row.OfPeak, row.OfMemory = s.flops/t/peak.Operations, s.bytes/t/peak.Bytes
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b ProfileRow) int { return cmp.Compare(b.Time, a.Time) })
	return append(rows, ProfileRow{Operation: "not timed, or waiting", Time: 1e3 * left, Share: left / wall})
}
