package wire

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/x448/float16"
)

// DType is the type of the values in a binary reply.
type DType string

// Float32 is what the model computes. Float16 has 11 significant bits and half the bytes. Int8 has a
// quarter: each vector is scaled so that its largest magnitude is 127 and rounded to nearest, ties to even. A
// cosine does not see the scale, but a dot product does: normalise first.
const (
	Float32 DType = "float32"
	Float16 DType = "float16"
	Int8    DType = "int8"
)

// dtypes are those that there are; the first is meant where none is named.
var dtypes = []DType{Float32, Float16, Int8}

// Size returns the bytes of one value.
func (t DType) Size() int {
	switch t {
	case Float16:
		return 2
	case Int8:
		return 1
	}
	return 4
}

// ContentType returns the media type of a binary reply.
func (t DType) ContentType() string { return octets + ";dtype=" + string(t) }

// AppendBinary appends the vectors, one row after another, in little-endian byte order. One that failed is
// a row of zeros, so that no other loses its place; callers refuse such replies.
func AppendBinary(dst []byte, t DType, v []Vector) []byte {
	columns := 0
	for _, x := range v {
		columns = max(columns, len(x.Embedding))
	}
	dst = slices.Grow(dst, t.Size()*columns*len(v))
	for _, x := range v {
		if x.Err != nil {
			dst, _ = extend(dst, t.Size()*columns)
			continue
		}
		switch t {
		case Float16:
			dst = appendFloat16(dst, x.Embedding)
		case Int8:
			dst = appendInt8(dst, x.Embedding)
		default:
			dst = appendFloat32(dst, x.Embedding)
		}
	}
	return dst
}

func appendFloat32(dst []byte, values []float32) []byte {
	dst, row := extend(dst, 4*len(values))
	for i, x := range values {
		binary.LittleEndian.PutUint32(row[4*i:], math.Float32bits(x))
	}
	return dst
}

// appendFloat16 rounds to nearest, ties to even. A unit vector's values are far below float16's largest.
func appendFloat16(dst []byte, values []float32) []byte {
	dst, row := extend(dst, 2*len(values))
	for i, x := range values {
		binary.LittleEndian.PutUint16(row[2*i:], float16.Fromfloat32(x).Bits())
	}
	return dst
}

func appendInt8(dst []byte, values []float32) []byte {
	dst, row := extend(dst, len(values))
	largest := 0.0
	for _, x := range values {
		largest = max(largest, math.Abs(float64(x)))
	}
	if largest == 0 {
		return dst
	}
	for i, x := range values {
		row[i] = byte(int8(math.RoundToEven(float64(x) / largest * 127)))
	}
	return dst
}

// extend appends n zeros to dst, and returns them too.
func extend(dst []byte, n int) (longer, zeros []byte) {
	longer = append(dst, make([]byte, n)...)
	return longer, longer[len(dst):]
}
