package cuda

import (
	"encoding/binary"
	"math"
)

// Type is how a value is stored on the device. Every type is computed with in float32.
type Type int

const (
	Float32  Type = iota
	BFloat16      // float32's upper half: its range, 8 bits of precision
	Float16       // IEEE binary16: 11 bits of precision, up to 65504
)

// Bytes returns the size of one value.
func (t Type) Bytes() int {
	if t == Float32 {
		return 4
	}
	return 2
}

func (t Type) String() string {
	switch t {
	case Float32:
		return "f32"
	case BFloat16:
		return "bf16"
	case Float16:
		return "f16"
	}
	return "unknown type"
}

// Convert stores from in to, little-endian as on the device, rounded to nearest even as the device does; what is too
// large for float16 becomes infinite, NaN stays NaN. Like copy it stops at the shorter of the two.
func Convert(t Type, to []byte, from []float32) {
	n := min(len(from), len(to)/t.Bytes())
	switch t {
	case Float32:
		for i, v := range from[:n] {
			binary.LittleEndian.PutUint32(to[4*i:], math.Float32bits(v))
		}
	case BFloat16:
		for i, v := range from[:n] {
			binary.LittleEndian.PutUint16(to[2*i:], toBFloat16(v))
		}
	case Float16:
		for i, v := range from[:n] {
			binary.LittleEndian.PutUint16(to[2*i:], toFloat16(v))
		}
	}
}

// Widen is the exact way back: it reads values stored as t. Like copy it stops at the shorter of the two.
func Widen(t Type, to []float32, from []byte) {
	to = to[:min(len(to), len(from)/t.Bytes())]
	switch t {
	case Float32:
		for i := range to {
			to[i] = math.Float32frombits(binary.LittleEndian.Uint32(from[4*i:]))
		}
	case BFloat16:
		for i := range to {
			to[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(from[2*i:])) << 16)
		}
	case Float16:
		for i := range to {
			to[i] = fromFloat16(binary.LittleEndian.Uint16(from[2*i:]))
		}
	}
}

func toBFloat16(v float32) uint16 {
	bits := math.Float32bits(v)
	if v != v {
		return uint16(bits>>16) | 0x40 // quiet: the bits that are cut off may be all that makes it a NaN
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

func toFloat16(v float32) uint16 {
	const (
		overflow = 0x477ff000 // 65520, halfway from the largest float16 to what would follow it
		normal   = 0x38800000 // 2^-14, the smallest normal float16
	)
	bits := math.Float32bits(v)
	sign, bits := uint16(bits>>16&0x8000), bits&0x7fffffff
	switch {
	case v != v:
		return sign | 0x7e00 | uint16(bits>>13&0x3ff)
	case bits >= overflow:
		return sign | 0x7c00
	case bits >= normal:
		return sign | uint16((bits-(127-15)<<23+0xfff+bits>>13&1)>>13)
	}
	// Subnormals are multiples of 2^-24; float64 holds the quotient exactly, and 1024 is the smallest normal's pattern.
	return sign | uint16(math.RoundToEven(float64(math.Float32frombits(bits))*0x1p24))
}

func fromFloat16(bits uint16) float32 {
	sign, exponent, mantissa := uint32(bits&0x8000)<<16, uint32(bits>>10&0x1f), uint32(bits&0x3ff)
	switch exponent {
	case 0:
		return math.Float32frombits(sign | math.Float32bits(float32(mantissa)*0x1p-24))
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | mantissa<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | mantissa<<13)
}
