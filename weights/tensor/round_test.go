package tensor

import (
	"encoding/binary"
	"math"
	"testing"
)

// TestRound goes through every value of 16 bits and its neighbours in float32: what a type holds
// exactly stays, what lies between two goes to the nearer, and halfway to the even one.
func TestRound(t *testing.T) {
	for _, d := range []DType{F16, BF16} {
		decode := func(bits uint16) float32 {
			var value [1]float32
			if err := d.Float32s(value[:], binary.LittleEndian.AppendUint16(nil, bits)); err != nil {
				t.Fatal(err)
			}
			return value[0]
		}
		encode := func(v float32) uint16 {
			data, err := d.Append(nil, []float32{v})
			if err != nil {
				t.Fatal(err)
			}
			return binary.LittleEndian.Uint16(data)
		}
		infinity := encode(float32(math.Inf(1)))
		for bits := range infinity {
			low, high := decode(bits), decode(bits+1)
			if bits+1 == infinity { // as if the exponent had one more value
				high = low + (low - decode(bits-1))
			}
			middle := low + (high-low)/2
			even := bits + bits&1
			cases := map[float32]uint16{low: bits, middle: even, math.Nextafter32(middle, 0): bits, math.Nextafter32(middle, high): bits + 1}
			if math.IsInf(float64(high), 0) { // bfloat16's range ends where float32's does
				cases = map[float32]uint16{low: bits, high: bits + 1}
			}
			for value, want := range cases {
				if got := encode(value); got != want {
					t.Fatalf("%s: %g is %#04x, want %#04x", d, value, got, want)
				}
				if got := encode(-value); got != want|0x8000 {
					t.Fatalf("%s: %g is %#04x, want %#04x", d, -value, got, want|0x8000)
				}
			}
		}
		if v := decode(encode(float32(math.NaN()))); v == v {
			t.Errorf("%s: NaN becomes %g", d, v)
		}
	}
}
