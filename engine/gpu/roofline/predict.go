package roofline

import (
	"time"

	"vbge/engine/gpu"
)

// Row is all steps of one kind and shape.
type Row struct {
	Name     string
	Kind     string
	Launches int
	Cost     gpu.Cost
	Time     time.Duration // of all launches
}

// Prediction is what a plan is predicted to take on a device: Products, Attention and Other, one step after
// another, and Launching between them.
type Prediction struct {
	GPU      GPU
	Rows     []Row // in the order of first launch
	Launches int
	Cost     gpu.Cost

	Products, Attention, Other, Launching time.Duration
	// OtherCached is Other if activations of steps whose operands fill no more than half the level 2
	// cache come from there; Other takes all of them from memory.
	OtherCached time.Duration
}

// Predict predicts p on g.
func Predict(p *gpu.Plan, g GPU) Prediction {
	r := Prediction{GPU: g}
	rows := map[string]int{}
	for _, segment := range p.Segments {
		for _, s := range segment.Steps {
			name := gpu.NameOf(s)
			i, ok := rows[name]
			if !ok {
				i = len(r.Rows)
				rows[name] = i
				r.Rows = append(r.Rows, Row{Name: name, Kind: s.Kind()})
			}
			r.add(&r.Rows[i], s)
		}
	}
	r.Launching = time.Duration(r.Launches) * LaunchTime
	return r
}

func (r *Prediction) add(row *Row, s gpu.Step) {
	c := gpu.CostOf(s)
	took := r.GPU.time(s, c)
	row.Launches++
	row.Cost = row.Cost.Plus(c)
	row.Time += took
	r.Launches++
	r.Cost = r.Cost.Plus(c)
	switch s.(type) {
	case gpu.Product:
		r.Products += took
	case gpu.Attention:
		r.Attention += took
	default:
		r.Other += took
		r.OtherCached += r.GPU.cached(c, took)
	}
}

// time is the longer of moving c from and to memory and computing it.
func (g GPU) time(s gpu.Step, c gpu.Cost) time.Duration {
	share := 1.0
	switch s.(type) {
	case gpu.Product:
		share = ProductShare
	case gpu.Attention:
		share = g.AttentionShare
	}
	return max(g.Limit(c.Bytes(), 0), seconds(float64(c.MatrixFLOPs)/(g.MatrixTFLOPs*1e12*share)))
}

// cached is the time of a step without products whose activations the level 2 cache holds, where it
// can: half of it is left for what is read meanwhile. Parameters and inputs come from memory.
func (g GPU) cached(c gpu.Cost, took time.Duration) time.Duration {
	if g.CacheGBs == 0 || c.Bytes() > g.CacheBytes/2 {
		return took
	}
	return g.Limit(c.Parameters+c.Input, 0) + seconds(float64(c.Read+c.Written)/(g.CacheGBs*1e9))
}

// Time returns how long the whole plan takes.
func (r Prediction) Time() time.Duration { return r.Computing() + r.Launching }

// Computing returns Time without Launching.
func (r Prediction) Computing() time.Duration { return r.Products + r.Attention + r.Other }

// OtherShare returns which part of Computing is neither products nor attention, with activations from
// memory, and as far as possible from the level 2 cache.
func (r Prediction) OtherShare() (memory, cached float64) {
	matrix := float64(r.Products + r.Attention)
	return float64(r.Other) / (matrix + float64(r.Other)), float64(r.OtherCached) / (matrix + float64(r.OtherCached))
}

// Utilisation returns which part of the matrix peak the plan's products and attention reach.
func (r Prediction) Utilisation() float64 {
	return float64(r.Cost.MatrixFLOPs) / (r.GPU.MatrixTFLOPs * 1e12) / r.Time().Seconds()
}
