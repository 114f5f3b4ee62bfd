package cuda

import (
	"encoding/binary"
	"math"
	"testing"
)

var nan = float32(math.NaN())

// The patterns are IEEE 754-2019's and bfloat16's definitions, worked out by hand.
func TestConvertRounds(t *testing.T) {
	for _, c := range []struct {
		t    Type
		v    float32
		want uint32
	}{
		{Float32, 1, 0x3f800000}, {Float32, float32(math.Inf(-1)), 0xff800000},

		{BFloat16, 1, 0x3f80}, {BFloat16, float32(math.Copysign(0, -1)), 0x8000}, {BFloat16, -2.5, 0xc020},
		{BFloat16, 1 + 0x1p-8, 0x3f80},           // halfway, down to even
		{BFloat16, 1 + 3*0x1p-8, 0x3f82},         // halfway, up to even
		{BFloat16, 1 + 0x1p-8 + 0x1p-23, 0x3f81}, // just above halfway
		{BFloat16, math.MaxFloat32, 0x7f80},      // rounds to infinity
		{BFloat16, float32(math.Inf(1)), 0x7f80},
		{BFloat16, 0x1p-149, 0}, {BFloat16, 0x1p-133, 1}, // float32's and bfloat16's smallest subnormal
		{BFloat16, 0x1p-134, 0}, {BFloat16, 0x1.8p-133, 2},

		{Float16, 1, 0x3c00}, {Float16, -2.5, 0xc100}, {Float16, 65504, 0x7bff},
		{Float16, 1 + 0x1p-11, 0x3c00}, {Float16, 1 + 3*0x1p-11, 0x3c02}, {Float16, 1 + 0x1p-11 + 0x1p-23, 0x3c01},
		{Float16, 65519.996, 0x7bff}, {Float16, 65520, 0x7c00}, {Float16, -1e9, 0xfc00}, {Float16, float32(math.Inf(1)), 0x7c00},
		{Float16, 0x1p-14, 0x0400}, {Float16, 0x1p-24, 1}, {Float16, 0x1p-25, 0}, {Float16, 0x1.8p-24, 2}, {Float16, 0x1.000002p-25, 1},
		{Float16, 0x1p-14 - 0x1p-25, 0x0400}, // halfway between the largest subnormal and the smallest normal
		{Float16, 0x1p-14 - 0x1p-24, 0x03ff}, {Float16, -0x1p-30, 0x8000},
	} {
		if got := one(c.t, c.v); got != c.want {
			t.Errorf("%v of %x is %#x, not %#x", c.t, c.v, got, c.want)
		}
	}
}

// NaNs whose payload lies in the bits that are cut off must not become infinities.
func TestConvertKeepsNaN(t *testing.T) {
	for _, bits := range []uint32{0x7f800001, 0xff800001, 0x7fc00000, 0x7fffffff, 0xffffffff} {
		for _, dtype := range []Type{Float32, BFloat16, Float16} {
			var stored [4]byte
			back := make([]float32, 1)
			Convert(dtype, stored[:], []float32{math.Float32frombits(bits)})
			Widen(dtype, back, stored[:])
			if !math.IsNaN(float64(back[0])) || math.Signbit(float64(back[0])) != (bits>>31 == 1) {
				t.Errorf("%v of the NaN %#x is %v", dtype, bits, back[0])
			}
		}
	}
}

// All 65536 patterns: each is the value that its definition says, comes back as itself, and between two neighbours
// float32 values go to the nearer one, to the even one from the middle.
func TestEveryPattern(t *testing.T) {
	for _, dtype := range []Type{BFloat16, Float16} {
		for pattern := range 1 << 16 {
			v := widened(dtype, uint16(pattern))
			want := defined(dtype, uint16(pattern))
			if float64(v) != want && !(math.IsNaN(want) && v != v) {
				t.Fatalf("%v pattern %#x is %v, not %v", dtype, pattern, v, want)
			}
			switch back := one(dtype, v); {
			case v != v:
				if w := widened(dtype, uint16(back)); w == w {
					t.Fatalf("%v NaN %#x comes back as %v", dtype, pattern, w)
				}
				continue
			case back != uint32(pattern):
				t.Fatalf("%v pattern %#x, %v, comes back as %#x", dtype, pattern, v, back)
			}
			next := widened(dtype, uint16(pattern)+1)
			if next != next || math.IsInf(float64(next), 0) || math.IsInf(float64(v), 0) {
				continue
			}
			middle := float32((float64(v) + float64(next)) / 2)
			even := uint32(pattern + pattern&1)
			for _, c := range []struct {
				v    float32
				want uint32
			}{
				{middle, even},
				{math.Nextafter32(middle, v), uint32(pattern)},
				{math.Nextafter32(middle, next), uint32(pattern) + 1},
			} {
				if got := one(dtype, c.v); got != c.want {
					t.Fatalf("%v of %x, near %#x, is %#x, not %#x", dtype, c.v, pattern, got, c.want)
				}
			}
		}
	}
}

func TestConvertStopsAtTheShorter(t *testing.T) {
	to := []byte{9, 9, 9, 9, 9}
	Convert(BFloat16, to, []float32{1, 2, 3})
	if want := [5]byte{0x80, 0x3f, 0x00, 0x40, 9}; [5]byte(to) != want {
		t.Errorf("stored % x, not % x", to, want)
	}
	back := []float32{nan, nan, 7}
	Widen(BFloat16, back, to)
	if back[0] != 1 || back[1] != 2 || back[2] != 7 {
		t.Errorf("read %v, not [1 2 7]", back)
	}
}

func one(t Type, v float32) uint32 {
	var stored [4]byte
	Convert(t, stored[:], []float32{v})
	return binary.LittleEndian.Uint32(stored[:])
}

func widened(t Type, pattern uint16) float32 {
	v := make([]float32, 1)
	Widen(t, v, binary.LittleEndian.AppendUint16(nil, pattern))
	return v[0]
}

// defined is the value of a sign, an exponent and a mantissa.
func defined(t Type, pattern uint16) float64 {
	bits, bias := 10, 15
	if t == BFloat16 {
		bits, bias = 7, 127
	}
	exponent, mantissa := int(pattern&0x7fff)>>bits, float64(int(pattern)&(1<<bits-1))/float64(int(1)<<bits)
	var v float64
	switch exponent {
	case 0:
		v = math.Ldexp(mantissa, 1-bias)
	case 1<<(15-bits) - 1:
		v = math.Inf(1)
		if mantissa != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(1+mantissa, exponent-bias)
	}
	if pattern>>15 == 1 {
		v = -v
	}
	return v
}
