//go:build cuda

package kernels

import (
	"errors"
	"fmt"
	"math"

	"vbge/cuda"
)

// ErrHeadWidth means that there is no attention kernel for heads of that many channels.
var ErrHeadWidth = errors.New("attention on the GPU takes heads of 32 or 64 channels")

// Attention is op.Attention on the device: the heads stand side by side in the rows of Q, K and V. All rows begin at
// multiples of 16 bytes.
type Attention struct {
	Q, K, V      Matrix
	Heads, Width int
	// Cumulative lengths, int32 [sequences + 1] each, of which no more rows than Q and K have.
	Queries, Keys cuda.Pointer
	// What Tiles returns, and the most tiles that it may hold whenever this launch is replayed.
	Tiles    cuda.Pointer
	MaxTiles int
	// Rotation of q and k, float32 [longest sequence, Width], or 0 for none.
	Cos, Sin cuda.Pointer
}

// attentionThreads is the size of the blocks of every attention kernel.
const attentionThreads = 128

// Attention writes softmax(q k^T / sqrt(Width)) v for every head, from each sequence's queries to its own keys, to the rows
// of y that have queries and to no others. y may not overlap q, k or v. It returns ErrHeadWidth or op.ErrShape.
func (k *Set) Attention(s *cuda.Stream, t cuda.Type, a Attention, y Matrix) error {
	if err := a.check(t, y); err != nil {
		return fmt.Errorf("attention of %d heads of %d channels: %w", a.Heads, a.Width, err)
	}
	name := kernelName("attention", t, attentionVariant(a.Width, a.Cos != 0))
	resident, err := k.kernels[name].BlocksPerMultiprocessor(attentionThreads, 0)
	if err != nil {
		return err
	}
	grid := cuda.Grid{X: min(a.MaxTiles*a.Heads, k.multiprocessors*max(resident, 1)), Threads: attentionThreads}
	return k.launch(s, name, grid,
		cuda.Address(a.Q.At), cuda.Address(a.K.At), cuda.Address(a.V.At), cuda.Address(y.At),
		cuda.Int(a.Q.Stride), cuda.Int(a.K.Stride), cuda.Int(a.V.Stride), cuda.Int(y.Stride), cuda.Int(a.Heads),
		cuda.Address(a.Queries), cuda.Address(a.Keys), cuda.Address(a.Tiles), cuda.Address(a.Cos), cuda.Address(a.Sin))
}

func (a Attention) check(t cuda.Type, y Matrix) error {
	if a.Width != 32 && a.Width != 64 {
		return ErrHeadWidth
	}
	cols := a.Heads * a.Width
	for _, m := range []struct {
		name string
		Matrix
	}{{"q", a.Q}, {"k", a.K}, {"v", a.V}, {"y", y}} {
		if err := errors.Join(
			m.check(m.name),
			require(m.Cols == cols, "%s has rows of %d", m.name, m.Cols),
			require(m.Rows == 0 || vectors(t, m.Matrix), "%s at %#x with a stride of %d values: rows have to begin at multiples of 16 bytes", m.name, m.At, m.Stride),
			// Within a tile the kernels count values in 32 bits.
			require(m.Stride <= math.MaxInt32/QueryTile, "%s has a stride of %d values, of at most %d", m.name, m.Stride, math.MaxInt32/QueryTile),
		); err != nil {
			return err
		}
	}
	return errors.Join(
		require(a.Q.Rows == y.Rows && a.K.Rows == a.V.Rows, "%d queries, %d results, %d keys, %d values", a.Q.Rows, y.Rows, a.K.Rows, a.V.Rows),
		require(a.MaxTiles >= 0 && a.MaxTiles <= math.MaxInt32/2/max(a.Heads, 1), "%d tiles of at most %d", a.MaxTiles, math.MaxInt32/2/max(a.Heads, 1)),
		require((a.Cos == 0) == (a.Sin == 0) && aligned(a.Cos, a.Sin), "rotation at %#x and %#x: both have to begin at multiples of 16 bytes", a.Cos, a.Sin),
	)
}

func attentionVariants() []string { return []string{"32", "32_rotary", "64", "64_rotary"} }

func attentionVariant(width int, rotary bool) string {
	if rotary {
		return fmt.Sprintf("%d_rotary", width)
	}
	return fmt.Sprint(width)
}

func attentionKernels() source {
	k := source{file: "attention"}
	for _, v := range attentionVariants() {
		k.kernels = append(k.kernels, kernelName("attention", cuda.BFloat16, v), kernelName("attention", cuda.Float16, v))
	}
	return k
}

func attentionFloat32Kernels() source {
	k := source{file: "attention_f32"}
	for _, v := range attentionVariants() {
		k.kernels = append(k.kernels, kernelName("attention", cuda.Float32, v))
	}
	return k
}
