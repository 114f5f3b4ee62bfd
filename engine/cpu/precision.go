package cpu

import "errors"

// Precision is the type that matrix products multiply in; they add in float32, or exactly in int32.
type Precision string

// Int8 is weights rounded to 8 bits by output channel and activations by token, as they come. What is not a
// product, and the products of attention, is in float32 and bfloat16.
const (
	Float32  Precision = "float32"
	BFloat16 Precision = "bfloat16"
	Int8     Precision = "int8"
)

// ErrPrecision is wrapped where this processor, or this build, cannot multiply in a precision.
var ErrPrecision = errors.New("precision not available on this processor")

// Options choose how an engine computes.
type Options struct {
	Threads   int // 1 to MostThreads
	Precision Precision
}
