//go:build cuda

package cublaslt

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"vbge/cuda"
)

var types = []cuda.Type{cuda.Float32, cuda.BFloat16, cuda.Float16}

// form is a product with where its operands lie: skew is how many values their addresses are off an aligned one.
type form struct {
	name    string
	p       Product
	inPlace bool
	skew    int
}

func forms() []form {
	dense := func(name string, rows, out, in int, bias, residual bool) form {
		return form{name: name, p: Product{Rows: rows, Out: out, In: in, XStride: in, WeightStride: in, ResidualStride: out,
			YStride: out, Bias: bias, Residual: residual}}
	}
	inPlace := dense("residual in place", 20, 48, 64, true, true)
	inPlace.inPlace = true
	strided := dense("wide strides", 10, 24, 40, true, true)
	strided.p.XStride, strided.p.WeightStride, strided.p.ResidualStride, strided.p.YStride = 56, 48, 72, 32
	columns := dense("columns that start anywhere", 6, 22, 34, true, true)
	columns.p.XStride, columns.p.YStride, columns.p.ResidualStride, columns.skew = 90, 45, 51, 1
	columnsInPlace := dense("columns in place", 6, 22, 34, true, true)
	columnsInPlace.p.YStride, columnsInPlace.p.ResidualStride, columnsInPlace.inPlace, columnsInPlace.skew = 47, 47, true, 3
	row := dense("one row of wide stride", 1, 33, 65, true, true)
	row.p.XStride, row.p.YStride, row.p.ResidualStride = 67, 35, 41
	all := []form{
		dense("one value", 1, 1, 1, false, false),
		dense("one row", 1, 64, 128, true, false),
		dense("one row, all odd", 1, 17, 33, true, true),
		dense("plain", 32, 64, 96, false, false),
		dense("bias", 31, 64, 96, true, false),
		dense("residual", 29, 64, 96, false, true),
		dense("odd sizes", 7, 13, 170, true, true),
		dense("one output", 9, 1, 50, true, true),
		dense("one input", 5, 12, 1, true, true),
		dense("tiny's SwiGLU", 19, 340, 64, true, false),
		inPlace, strided, columns, columnsInPlace, row,
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 10 {
		f := dense(fmt.Sprint("random ", i), 1+r.IntN(70), 1+r.IntN(90), 1+r.IntN(200), r.IntN(2) == 0, r.IntN(2) == 0)
		f.p.XStride += r.IntN(9)
		f.p.WeightStride += r.IntN(9)
		f.p.YStride += r.IntN(9)
		f.p.ResidualStride = f.p.YStride
		f.inPlace = f.p.Residual && r.IntN(2) == 0
		f.skew = r.IntN(3) * r.IntN(8)
		all = append(all, f)
	}
	return all
}

// operands are a form's matrices on the device.
type operands struct{ x, weight, bias, residual, y *matrix }

func (b *bench) upload5(f form, seed uint64) (m operands, o Operands) {
	b.t.Helper()
	p, value := f.p, random(seed)
	m.x = b.upload(p.Type, p.Rows, p.In, p.XStride, f.skew, value)
	m.weight = b.upload(p.Type, p.Out, p.In, p.WeightStride, f.skew, value)
	o.X, o.Weight = m.x.at, m.weight.at
	if p.Bias {
		m.bias = b.upload(p.Type, 1, p.Out, p.Out, f.skew, value)
		o.Bias = m.bias.at
	}
	if p.Residual {
		m.residual = b.upload(p.Type, p.Rows, p.Out, p.ResidualStride, f.skew, value)
		o.Residual = m.residual.at
	}
	if m.y = m.residual; !f.inPlace {
		// NaN: what Y held must not be read.
		m.y = b.upload(p.Type, p.Rows, p.Out, p.YStride, f.skew, none)
	}
	o.Y = m.y.at
	return m, o
}

// rounding is the relative error of storing a value.
func rounding(t cuda.Type) float64 {
	return map[cuda.Type]float64{cuda.Float32: 0x1p-24, cuda.BFloat16: 0x1p-8, cuda.Float16: 0x1p-11}[t]
}

// check compares with a product in float64 of the stored values. The bound is the result's own rounding and that of as many
// float32 sums as there are terms, in any order; TF32's factors of 11 bits would exceed it by far.
func (b *bench) check(f form, m operands) (worst float64) {
	b.t.Helper()
	p, got := f.p, b.download(m.y)
	for r := range p.Rows {
		for c := range p.Out {
			sum, magnitude := 0.0, 0.0
			add := func(v float64) { sum, magnitude = sum+v, magnitude+math.Abs(v) }
			for i := range p.In {
				add(m.x.value(r, i) * m.weight.value(c, i))
			}
			if p.Bias {
				add(m.bias.value(0, c))
			}
			if p.Residual {
				add(m.residual.value(r, c))
			}
			bound := math.Abs(sum)*rounding(p.Type) + magnitude*0x1p-24*float64(p.In+2) + 0x1p-24
			off := math.Abs(got(r, c)-sum) / bound
			if !(off <= 1) {
				b.t.Fatalf("%v %v: Y[%d, %d] is %v, not %v: %.3g times the bound", p.Type, p, r, c, got(r, c), sum, off)
			}
			worst = max(worst, off)
		}
	}
	return worst
}

func TestProducts(t *testing.T) {
	for _, dtype := range types {
		worst := 0.0
		for i, f := range forms() {
			f.p.Type = dtype
			t.Run(fmt.Sprintf("%v/%s", dtype, f.name), func(t *testing.T) {
				b := openBench(t)
				m, o := b.upload5(f, uint64(i))
				const workspace = 1 << 20
				o.Workspace = b.allocate(workspace)
				plan, err := b.handle.Plan(f.p, workspace)
				must(t, err)
				if w := plan.Workspace(); w < 0 || w > workspace {
					t.Errorf("the plan takes %d bytes of workspace, of %d", w, workspace)
				}
				must(t, b.handle.Run(b.stream, plan, o))
				must(t, b.stream.Synchronize())
				worst = max(worst, b.check(f, m))
			})
		}
		t.Logf("%v: at most %.3g of the bound", dtype, worst)
	}
}

// Products of single values show what the values were rounded to. Where the environment forces TF32 there is no product at all.
func TestFloat32IsNotTF32(t *testing.T) {
	for _, override := range []string{"", "0", "1"} {
		t.Run("NVIDIA_TF32_OVERRIDE="+override, func(t *testing.T) {
			t.Setenv("NVIDIA_TF32_OVERRIDE", override)
			b := openBench(t)
			f := form{p: Product{Rows: 8, Out: 8, In: 1, XStride: 8, WeightStride: 8, YStride: 8}}
			m, o := b.upload5(f, 3)
			plan, err := b.handle.Plan(f.p, 0)
			if override == "1" && err != nil {
				return
			}
			must(t, err)
			must(t, b.handle.Run(b.stream, plan, o))
			y := b.download(m.y)
			for r := range 8 {
				for c := range 8 {
					want := m.x.value(r, 0) * m.weight.value(c, 0)
					if got := y(r, c); math.Abs(got-want) > math.Abs(want)*0x1p-24 {
						t.Fatalf("%v times %v is %v, not %v", m.x.value(r, 0), m.weight.value(c, 0), got, float32(want))
					}
				}
			}
		})
	}
}

func TestCapturedProducts(t *testing.T) {
	b := openBench(t)
	f := form{inPlace: true, p: Product{Rows: 5, Out: 16, In: 24, XStride: 24, WeightStride: 24, ResidualStride: 16, YStride: 16,
		Type: cuda.BFloat16, Bias: true, Residual: true}}
	m, o := b.upload5(f, 5)
	plan, err := b.handle.Plan(f.p, 0)
	must(t, err)
	o.Workspace = b.allocate(256)
	g, err := b.stream.Capture(func() error { return b.handle.Run(b.stream, plan, o) })
	must(t, err)
	before := b.download(m.y)
	if before(4, 15) != m.residual.value(4, 15) {
		t.Error("the capture ran the product")
	}
	must(t, g.Launch(b.stream))
	b.check(f, m)
	must(t, g.Close())
}
