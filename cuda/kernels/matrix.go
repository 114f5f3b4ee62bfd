//go:build cuda

package kernels

import (
	"fmt"
	"math"

	"vbge/cuda"
	"vbge/engine/op"
)

// Matrix is [Rows, Cols] of a storage type on the device, or float32 where an operation says so.
type Matrix struct {
	At     cuda.Pointer
	Rows   int
	Cols   int
	Stride int // values from one row to the next
}

// Norm is what a layer norm has beside its input.
type Norm struct {
	Gain, Bias cuda.Pointer // float32 [cols]
	Eps        float32
}

// mostCols is the longest row: columns are int32 on the device, and threads beyond a row's end count a little further.
const mostCols = 1 << 30

// check refuses what no kernel could work on.
func (m Matrix) check(what string) error {
	ok := m.Rows >= 0 && m.Cols >= 0 && m.Rows <= math.MaxInt32 && m.Cols <= mostCols && m.Stride <= math.MaxInt32 && (m.Rows <= 1 || m.Stride >= m.Cols)
	return require(ok, "%s [%d, %d] with rows %d apart", what, m.Rows, m.Cols, m.Stride)
}

// sameShape checks the operands of an operation that keeps its input's shape.
func sameShape(what string, x, y Matrix) error {
	if err := x.check(what); err != nil {
		return err
	}
	if err := y.check(what); err != nil {
		return err
	}
	return require(x.Rows == y.Rows && x.Cols == y.Cols, "%s of [%d, %d] to [%d, %d]", what, x.Rows, x.Cols, y.Rows, y.Cols)
}

// require returns an error about operands that do not fit together unless ok.
func require(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, op.ErrShape)...)
}

// vectors reports whether every row of every matrix consists of whole 16-byte vectors at multiples of 16 bytes, which
// kernels may move at once.
func vectors(t cuda.Type, matrices ...Matrix) bool {
	perVector := 16 / t.Bytes()
	for _, m := range matrices {
		if m.Cols == 0 || !aligned(m.At) || m.Cols%perVector != 0 || m.Rows > 1 && m.Stride%perVector != 0 {
			return false
		}
	}
	return true
}

// aligned reports whether addresses are multiples of 16 bytes.
func aligned(addresses ...cuda.Pointer) bool {
	for _, p := range addresses {
		if p%16 != 0 {
			return false
		}
	}
	return true
}

func (n Norm) aligned() bool { return aligned(n.Gain, n.Bias) }
