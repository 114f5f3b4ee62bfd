package pixels

import "math"

// fixedBits is the precision of Pillow's 8-bit resampler: 32 bits less 8 for the sample and 2 for overshoot.
const fixedBits = 22

// taps are the weighted input samples that make each output sample of one direction: output i is made of the inputs from
// lo[i] on, with weights[at[i]:at[i+1]]. They stand in a row because the native kernels read them too.
type taps[W int32 | float64] struct {
	lo, at  []int32
	weights []W
}

func (t taps[W]) n() int { return len(t.lo) }

// of returns the first input of output i, and its weights.
func (t taps[W]) of(i int) (lo int, weights []W) {
	return int(t.lo[i]), t.weights[t.at[i]:t.at[i+1]]
}

// span returns the inputs [lo, hi) that all outputs are made of.
func (t taps[W]) span() (lo, hi int) {
	last, weights := t.of(t.n() - 1)
	return int(t.lo[0]), last + len(weights)
}

// cubic is Keys' kernel with a = -1/2. The conversions forbid fused multiply-adds, which would round otherwise.
func cubic(x float64) float64 {
	x = math.Abs(x)
	switch {
	case x < 1:
		return float64(float64(float64(float64(1.5*x)-2.5)*x)*x) + 1
	case x < 2:
		return float64(float64(float64(float64(x-5)*x+8)*x)-4) * -0.5
	}
	return 0
}

// bicubic returns the taps of the output samples that a keeps: Pillow's antialiased bicubic.
func bicubic(a axis) taps[float64] {
	scale := (a.hi - a.lo) / float64(a.out)
	stretch := max(scale, 1) // widens the kernel when shrinking
	reach := 2 * stretch
	t := taps[float64]{make([]int32, a.n), make([]int32, a.n+1), make([]float64, 0, a.n*min(2*int(math.Ceil(reach))+1, a.in))}
	for i := range a.n {
		centre := a.lo + float64((float64(a.first+i)+0.5)*scale)
		lo := max(int(centre-reach+0.5), 0)
		hi := min(int(centre+reach+0.5), a.in)
		total := 0.0
		for j := lo; j < hi; j++ {
			w := cubic(float64((float64(j) - centre + 0.5) * (1 / stretch)))
			total += w
			t.weights = append(t.weights, w)
		}
		if w := t.weights[t.at[i]:]; total != 0 {
			for k := range w {
				w[k] /= total
			}
		}
		t.lo[i], t.at[i+1] = int32(lo), int32(len(t.weights))
	}
	return t
}

// fixed rounds weights to the fixed point of the 8-bit resampler, halves away from zero.
func fixed(real taps[float64]) taps[int32] {
	weights := make([]int32, len(real.weights))
	for i, v := range real.weights {
		weights[i] = int32(math.Copysign(0.5, v) + float64(v*(1<<fixedBits)))
	}
	return taps[int32]{real.lo, real.at, weights}
}

// nearest returns the input indices of n output samples from first on. Pillow adds up the position in float64, so its
// rounding errors have to be added up too.
func nearest(in, out, first, n int) []int32 {
	step := float64(in) / float64(out)
	at := step * 0.5
	for range first {
		at += step
	}
	index := make([]int32, n)
	for i := range index {
		index[i] = int32(at)
		at += step
	}
	return index
}
