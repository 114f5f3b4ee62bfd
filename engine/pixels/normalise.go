package pixels

// NormaliseTable returns, for each channel and sample value v, (v / 255 - mean) / std in float32, each of the three
// steps rounded. Indexed by it, a uint8 crop can be normalised anywhere with the same bits.
func NormaliseTable(mean, std [3]float32) [3][256]float32 {
	var t [3][256]float32
	for c := range t {
		for v := range t[c] {
			scaled := float32(v) / 255
			centred := scaled - mean[c]
			t[c][v] = centred / std[c]
		}
	}
	return t
}

// Normalise turns a crop, uint8 [side, side, 3], into the model's input, float32 [3, side, side].
func Normalise(rgb []uint8, mean, std [3]float32) []float32 {
	t := NormaliseTable(mean, std)
	n := len(rgb) / 3
	out := make([]float32, 3*n)
	r, g, b := out[:n], out[n:2*n], out[2*n:]
	for i := range n {
		px := rgb[3*i : 3*i+3 : 3*i+3]
		r[i], g[i], b[i] = t[0][px[0]], t[1][px[1]], t[2][px[2]]
	}
	return out
}
