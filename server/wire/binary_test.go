package wire

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/x448/float16"
)

func TestAppendBinaryFloat32(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 4))
	vectors := []Vector{{Embedding: unit(random, 768)}, {Embedding: unit(random, 768)}}
	raw := AppendBinary(nil, Float32, vectors)
	values := make([]float32, 2*768)
	if n, err := binary.Decode(raw, binary.LittleEndian, values); err != nil || n != len(raw) {
		t.Fatalf("%d of %d bytes, %v", n, len(raw), err)
	}
	bits(t, values[:768], vectors[0].Embedding)
	bits(t, values[768:], vectors[1].Embedding)
}

// The bytes are those of Python's struct.pack("<e", value).
func TestAppendBinaryFloat16(t *testing.T) {
	for _, c := range []struct {
		value float32
		bits  string
	}{
		{0, "0000"}, {1, "003c"}, {-2, "00c0"}, {0.1, "662e"}, {1.0 / 3, "5535"}, {65504, "ff7b"},
		{1 + 1.0/2048, "003c"}, {1 + 3.0/2048, "023c"}, // ties go to even
		{6.1035156e-5, "0004"}, {5.9604645e-8, "0100"}, {2.9802322e-8, "0000"}, {3e-8, "0100"}, // subnormal
	} {
		if got := hex.EncodeToString(AppendBinary(nil, Float16, []Vector{{Embedding: []float32{c.value}}})); got != c.bits {
			t.Errorf("%v: %s, want %s", c.value, got, c.bits)
		}
	}
}

func TestAppendBinaryInt8(t *testing.T) {
	for _, c := range []struct {
		values []float32
		bytes  string
	}{
		{[]float32{0, 0}, "0000"},
		{[]float32{1, -1, 0}, "7f8100"},
		{[]float32{-0.25, 0.125}, "8140"},                             // 63.5 to even
		{[]float32{127, 0.5, 1.5, -0.5, -2.5, 126.4}, "7f000200fe7e"}, // ties
		{[]float32{math.SmallestNonzeroFloat32}, "7f"},
	} {
		if got := hex.EncodeToString(AppendBinary(nil, Int8, []Vector{{Embedding: c.values}})); got != c.bytes {
			t.Errorf("%v: %s, want %s", c.values, got, c.bytes)
		}
	}
}

func TestContentType(t *testing.T) {
	for _, dtype := range dtypes { // what is sent is what was asked for
		if got, binary, err := ParseAccept(dtype.ContentType()); got != dtype || !binary || err != nil {
			t.Errorf("%s is read as %s, %v, %v", dtype.ContentType(), got, binary, err)
		}
	}
}

// A row that failed keeps its place.
func TestAppendBinaryKeepsRows(t *testing.T) {
	for _, dtype := range dtypes {
		v := []Vector{{Err: emptyItem()}, {Embedding: []float32{1, 1}}, {Err: emptyItem()}}
		raw := AppendBinary(nil, dtype, v)
		n := 2 * dtype.Size()
		if len(raw) != 3*n || !zeros(raw[:n]) || zeros(raw[n:2*n]) || !zeros(raw[2*n:]) {
			t.Errorf("%s: % x", dtype, raw)
		}
	}
}

func zeros(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// Between random unit vectors, how far the cosine of the rounded ones is from the cosine of the exact
// ones.
func TestCosinesOfRoundedVectors(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	vectors := make([]Vector, 200)
	for i := range vectors {
		vectors[i].Embedding = unit(random, 768)
		for j := range vectors[i].Embedding { // neighbours, as a search has them
			vectors[i].Embedding[j] += vectors[0].Embedding[j]
		}
	}
	for dtype, bound := range map[DType]float64{Float32: 0, Float16: 2e-5, Int8: 1e-3} {
		raw := AppendBinary(nil, dtype, vectors)
		worst, itself := 0.0, 1.0
		for i := range vectors {
			exact, rounded := float64s(vectors[i].Embedding), row(dtype, raw, i)
			itself = min(itself, cosine(exact, rounded))
			worst = max(worst, math.Abs(cosine(row(dtype, raw, 0), rounded)-cosine(float64s(vectors[0].Embedding), exact)))
		}
		t.Logf("%s: cosines off by at most %.1e, of a vector with itself rounded at least %.8f", dtype, worst, itself)
		if worst > bound {
			t.Errorf("%s: cosines off by %g, bound %g", dtype, worst, bound)
		}
	}
}

func float64s(v []float32) []float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

// row reads row i of 768 columns.
func row(t DType, raw []byte, i int) []float64 {
	raw = raw[i*768*t.Size():][:768*t.Size()]
	w := make([]float64, 768)
	for j := range w {
		switch t {
		case Float32:
			w[j] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*j:])))
		case Float16:
			w[j] = float64(float16.Frombits(binary.LittleEndian.Uint16(raw[2*j:])).Float32())
		case Int8:
			w[j] = float64(int8(raw[j]))
		}
	}
	return w
}

func cosine(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+a[i]*b[i], aa+a[i]*a[i], bb+b[i]*b[i]
	}
	return ab / math.Sqrt(aa*bb)
}
