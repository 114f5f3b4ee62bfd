package pixels

import "math"

// fixedBits is the precision of Pillow's 8-bit resampler: 32 bits less 8 for the sample and 2 for overshoot.
const fixedBits = 22

// taps are the input samples lo, lo+1, ... that make one output sample, with their weights.
type taps[T int32 | float64] struct {
	lo      int
	weights []T
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

// bicubic returns the taps of n output samples from first on, of out made from in: Pillow's antialiased bicubic.
func bicubic(in, out, first, n int) []taps[float64] {
	scale := float64(in) / float64(out)
	stretch := max(scale, 1) // widens the kernel when shrinking
	reach := 2 * stretch
	all := make([]taps[float64], n)
	weights := make([]float64, 0, n*(2*int(math.Ceil(reach))+1))
	for i := range all {
		centre := float64((float64(first+i) + 0.5) * scale)
		lo := max(int(centre-reach+0.5), 0)
		hi := min(int(centre+reach+0.5), in)
		start, total := len(weights), 0.0
		for j := lo; j < hi; j++ {
			w := cubic(float64((float64(j) - centre + 0.5) * (1 / stretch)))
			total += w
			weights = append(weights, w)
		}
		w := weights[start:len(weights):len(weights)]
		for k := range w {
			if total != 0 {
				w[k] /= total
			}
		}
		all[i] = taps[float64]{lo, w}
	}
	return all
}

// fixed rounds weights to the fixed point of the 8-bit resampler, halves away from zero.
func fixed(real []taps[float64]) []taps[int32] {
	total := 0
	for _, t := range real {
		total += len(t.weights)
	}
	all, weights := make([]taps[int32], len(real)), make([]int32, 0, total)
	for i, t := range real {
		start := len(weights)
		for _, v := range t.weights {
			weights = append(weights, int32(math.Copysign(0.5, v)+float64(v*(1<<fixedBits))))
		}
		all[i] = taps[int32]{t.lo, weights[start:]}
	}
	return all
}

// nearest returns the input indices of n output samples from first on. Pillow adds up the position in float64, so its
// rounding errors have to be added up too.
func nearest(in, out, first, n int) []int {
	step := float64(in) / float64(out)
	at := step * 0.5
	for range first {
		at += step
	}
	index := make([]int, n)
	for i := range index {
		index[i] = int(at)
		at += step
	}
	return index
}
