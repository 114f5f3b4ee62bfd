package tensor

import (
	"fmt"
	"slices"
)

// MaxDims bounds the sides of a shape that files may hold: twice what a convolution has.
const MaxDims = 8

// View is one named tensor of a checkpoint: a strided window into a storage, which other
// tensors may share. Offset, Shape and Stride count elements.
type View struct {
	Name    string
	DType   DType
	Shape   []int
	Stride  []int
	Offset  int
	Storage string // the storage's name in its file; one storage may be behind several tensors
}

// SameData reports whether two tensors of a file are the same window into the same storage.
func (v *View) SameData(u *View) bool {
	return v.Storage == u.Storage && v.DType == u.DType && v.Offset == u.Offset &&
		slices.Equal(v.Shape, u.Shape) && slices.Equal(v.Stride, u.Stride)
}

// Extent returns the elements of the shape, and the half-open range of the storage's elements
// that they lie in.
func (v *View) Extent() (n, begin, end int, err error) {
	if n, err = Count(v.Shape); err != nil || n == 0 {
		return 0, v.Offset, v.Offset, err
	}
	last := v.Offset
	for i, d := range v.Shape {
		if d > 1 && v.Stride[i] > MaxElements/(d-1) {
			return 0, 0, 0, fmt.Errorf("stride %v is too large", v.Stride)
		}
		last += (d - 1) * v.Stride[i]
	}
	return n, v.Offset, last + 1, nil
}

// RowMajor returns the strides of a contiguous tensor.
func RowMajor(shape []int) []int {
	stride, step := make([]int, len(shape)), 1
	for i := len(shape) - 1; i >= 0; i-- {
		stride[i] = step
		step *= max(1, shape[i])
	}
	return stride
}

// Contiguous reports whether the elements stand one after another in row-major order.
func (v *View) Contiguous() bool {
	step := 1
	for i := len(v.Shape) - 1; i >= 0; i-- {
		if v.Shape[i] > 1 && v.Stride[i] != step {
			return false
		}
		step *= v.Shape[i]
	}
	return true
}
