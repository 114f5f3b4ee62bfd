package tensor

import (
	"encoding/binary"
	"math"
	"testing"
)

// TestHalf holds every binary16 against its definition in float64 arithmetic.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		exponent, fraction := h>>10&31, float64(h&1023)
		var want float64
		switch exponent {
		case 0:
			want = math.Ldexp(fraction, -24)
		case 31:
			want = math.Inf(1)
			if fraction != 0 {
				want = math.NaN()
			}
		default:
			want = math.Ldexp(1024+fraction, exponent-25)
		}
		if h>>15 == 1 {
			want = math.Copysign(want, -1)
		}
		got := half(uint16(h))
		if math.IsNaN(want) && got != got {
			continue
		}
		if math.Float32bits(got) != math.Float32bits(float32(want)) {
			t.Fatalf("half(%#04x) = %v, want %v", h, got, want)
		}
	}
}

func TestFloat32s(t *testing.T) {
	f := func(d DType, src []byte, want ...float32) {
		t.Helper()
		got := make([]float32, len(want))
		if err := d.Float32s(got, src); err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: element %d is %v, want %v", d, i, got[i], want[i])
			}
		}
	}
	f(F32, binary.LittleEndian.AppendUint32(nil, math.Float32bits(-1.25)), -1.25)
	f(F16, []byte{0x00, 0x3c, 0x01, 0x00}, 1, 0x1p-24)
	f(BF16, []byte{0x80, 0x3f, 0x49, 0xc0}, 1, -3.140625)

	if err := I64.Float32s(make([]float32, 1), make([]byte, 8)); err == nil {
		t.Error("int64 elements were read as weights")
	}
	if err := F16.Float32s(make([]float32, 2), make([]byte, 3)); err == nil {
		t.Error("3 bytes were read as two float16")
	}
}

func TestCount(t *testing.T) {
	f := func(want int, ok bool, shape ...int) {
		t.Helper()
		got, err := Count(shape)
		if got != want || (err == nil) != ok {
			t.Errorf("Count(%v) = %d, %v; want %d, ok %t", shape, got, err, want, ok)
		}
	}
	f(1, true)
	f(24, true, 2, 3, 4)
	f(0, true, 5, 0)
	f(0, false, -1)
	f(0, false, 1<<20, 1<<20, 1<<20)
	f(0, false, 0, math.MaxInt)
}

func BenchmarkHalf(b *testing.B) {
	dst, src := make([]float32, 1<<16), make([]byte, 2<<16)
	for i := range src {
		src[i] = byte(i * 7)
	}
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if err := F16.Float32s(dst, src); err != nil {
			b.Fatal(err)
		}
	}
}
