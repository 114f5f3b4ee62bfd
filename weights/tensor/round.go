package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Append encodes values as little-endian elements of type d (F32, F16 or BF16) behind dst. F16 and
// BF16 round to the nearest, ties to even, as torch's conversion does.
func (d DType) Append(dst []byte, values []float32) ([]byte, error) {
	switch d {
	case F32:
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
		}
	case F16:
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint16(dst, toHalf(v))
		}
	case BF16:
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint16(dst, toBrain(v))
		}
	default:
		return nil, fmt.Errorf("tensor: elements of type %s are no weights (F32, F16 and BF16 are)", d)
	}
	return dst, nil
}

// toHalf returns the nearest IEEE binary16.
func toHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN
		return sign | 0x7e00
	case b >= 0x47800000: // from 2^16 on
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14 binary16 counts in 2^-24, which is the last place of 0.5
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	b += 0xfff + b>>13&1 // a carry goes into the exponent, up to infinity
	return sign | uint16((b-0x38000000)>>13)
}

// toBrain returns the nearest bfloat16, the upper half of a float32.
func toBrain(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 { // NaN
		return 0x7fc0
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
