package weights

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// RandomModel is a model of random weights, the same for the same configuration and seed on every
// machine: the portable generator of make_checkpoint.py, in memory. It stands in for a Folder.
type RandomModel struct {
	config  Config
	seed    int
	tensors map[string]layoutTensor
}

// Random returns the model that `make_checkpoint.py --seed SEED` writes for the configuration,
// bit for bit (rotary buffers to within one unit in the last place of torch's). Weights are
// drawn when they are asked for.
func Random(cfg Config, seed int) *RandomModel {
	m := &RandomModel{config: cfg, seed: seed, tensors: map[string]layoutTensor{}}
	for _, t := range layout(cfg) {
		m.tensors[t.name] = t
	}
	return m
}

// Config returns the configuration that the model was made for.
func (m *RandomModel) Config() Config { return m.config }

// ID returns a SHA-256 in hex, which identifies configuration and seed.
func (m *RandomModel) ID() string {
	text, _ := json.Marshal(m.config) // numbers only: it cannot fail for a valid configuration
	sum := sha256.Sum256(fmt.Appendf(nil, "vbge random weights, seed %d: %s", m.seed, text))
	return hex.EncodeToString(sum[:])
}

// Float32 draws the named tensor and returns it in row-major order, a new slice on each call.
// It fails where the tensor is not part of the model or has another shape.
func (m *RandomModel) Float32(name string, shape ...int) ([]float32, error) {
	t, ok := m.tensors[name]
	if !ok {
		return nil, fmt.Errorf("random model: %w", &TensorError{Name: name, Want: shape})
	}
	if !slices.Equal(t.shape, shape) {
		return nil, fmt.Errorf("random model: %w", &TensorError{Name: name, Want: shape, Found: append([]int{}, t.shape...)})
	}
	if t.rope {
		cos, sin := ropeTables(m.config)
		if strings.HasSuffix(name, "cos") {
			return cos, nil
		}
		return sin, nil
	}
	n := 1
	for _, d := range t.shape {
		n *= d
	}
	return draw(m.seed, name, n, t.mean, t.std), nil
}

// Close does nothing: the slices belong to their callers.
func (m *RandomModel) Close() error { return nil }

// sigma is the standard deviation of the sum of four uniform 16-bit integers.
const sigma = 37837.22

// draw returns n values of about normal distribution, by make_checkpoint.py's recipe.
func draw(seed int, name string, n int, mean, std float64) []float32 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s", seed, name))
	key := binary.LittleEndian.Uint64(sum[:])
	out := make([]float32, n)
	m, scale := float32(mean), float32(std/sigma)

	workers := min(runtime.GOMAXPROCS(0), n>>14+1)
	var wg sync.WaitGroup
	for w := range workers {
		begin, end := n*w/workers, n*(w+1)/workers
		wg.Go(func() { drawRange(out[begin:end], key, uint64(begin), m, scale) })
	}
	wg.Wait()
	return out
}

// drawRange fills out with the values from index begin on: SplitMix64, whose four 16-bit quarters
// add up to something about normal.
func drawRange(out []float32, key, begin uint64, mean, scale float32) {
	const step = 0x9E3779B97F4A7C15
	counter := key + begin*step
	for i := range out {
		counter += step
		z := counter
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		s := int32(z&0xffff) + int32(z>>16&0xffff) + int32(z>>32&0xffff) + int32(z>>48) - 131070
		// The conversion keeps the compiler from fusing the product into the sum.
		out[i] = mean + float32(float32(s)*scale)
	}
}

// ropeTables returns cos and sin, each [patches, head width], of the two-dimensional rotary
// embedding: the first half of a row turns by the patch's row, the second by its column, each
// angle stands twice. Every step rounds to float32, as in reference.py's rope_tables.
func ropeTables(c Config) (cos, sin []float32) {
	half, side := c.Vision.HeadWidth/2, c.Grid()
	inverse := make([]float32, half/2)
	for j := range inverse {
		exponent := float32(2*j) / float32(half)
		inverse[j] = 1 / float32(math.Pow(c.Rope.Theta, float64(exponent)))
	}
	for row := range side {
		for column := range side {
			for _, place := range [2]int{row, column} {
				position := float32(float32(place)/float32(side)) * float32(c.Rope.PtHWSeqLen)
				for _, f := range inverse {
					angle := float64(float32(position * f))
					a, b := float32(math.Cos(angle)), float32(math.Sin(angle))
					cos, sin = append(cos, a, a), append(sin, b, b)
				}
			}
		}
	}
	return cos, sin
}
