// Package tensor has what checkpoint and model files agree on: element types and shapes.
package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DType is an element type, by its name in the safetensors format.
type DType string

// The element types that checkpoints hold; only the first three carry weights.
const (
	F32    DType = "F32"
	F16    DType = "F16"
	BF16   DType = "BF16"
	F64    DType = "F64"
	F8E4M3 DType = "F8_E4M3"
	F8E5M2 DType = "F8_E5M2"
	I64    DType = "I64"
	I32    DType = "I32"
	I16    DType = "I16"
	I8     DType = "I8"
	U64    DType = "U64"
	U32    DType = "U32"
	U16    DType = "U16"
	U8     DType = "U8"
	Bool   DType = "BOOL"
)

// Size returns the bytes of one element, 0 for a type this package does not know.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case F8E4M3, F8E5M2, I8, U8, Bool:
		return 1
	}
	return 0
}

// IsWeight reports whether Float32s can read the type.
func (d DType) IsWeight() bool { return d == F32 || d == F16 || d == BF16 }

// Float32s decodes little-endian elements of type d (F32, F16 or BF16; each is exact in float32)
// from src into dst, which holds len(src)/d.Size() of them.
func (d DType) Float32s(dst []float32, src []byte) error {
	if !d.IsWeight() {
		return fmt.Errorf("tensor: elements of type %s are no weights (F32, F16 and BF16 are)", d)
	}
	if len(src) != len(dst)*d.Size() {
		return fmt.Errorf("tensor: %d bytes are not %d elements of type %s", len(src), len(dst), d)
	}
	switch d {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = half(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	}
	return nil
}

// half returns the value of an IEEE binary16.
func half(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	magnitude := uint32(h&0x7fff) << 13
	if magnitude >= 0x7c00<<13 { // infinity or NaN: all exponent bits set in float32 too
		return math.Float32frombits(sign | magnitude | 0x7f800000)
	}
	// Multiplying by 2^112 moves the exponent bias from 15 to 127 and normalises subnormals, exactly.
	scaled := math.Float32frombits(magnitude) * 0x1p112
	return math.Float32frombits(sign | math.Float32bits(scaled))
}

// MaxElements bounds Count, so that sizes in bytes cannot overflow.
const MaxElements = math.MaxInt >> 6

// Count returns the elements of a shape, or an error for negative or absurdly large ones.
func Count(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > MaxElements || (d != 0 && n > MaxElements/d) {
			return 0, fmt.Errorf("shape %v has a negative side or too many elements", shape)
		}
		n *= d
	}
	return n, nil
}
