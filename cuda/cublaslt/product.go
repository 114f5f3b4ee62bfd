//go:build cuda

package cublaslt

import (
	"errors"
	"fmt"

	"vbge/cuda"
)

// ErrProduct is a product, or its operands, that makes no sense: a mistake of the caller's.
var ErrProduct = errors.New("not a matrix product")

// Product is Y [Rows, Out] = X [Rows, In] W [Out, In]^T + bias [Out] + residual [Rows, Out], row-major, all of one type, summed
// in float32 and rounded once. Strides are in values, and count for the operands that the product has.
type Product struct {
	Rows, Out, In                                  int
	Type                                           cuda.Type
	XStride, WeightStride, ResidualStride, YStride int
	Bias, Residual                                 bool
}

func (p Product) String() string {
	s := fmt.Sprintf("%v product Y [%d, %d] = X [%d, %d] W^T, strides %d and %d, W's %d",
		p.Type, p.Rows, p.Out, p.Rows, p.In, p.YStride, p.XStride, p.WeightStride)
	if p.Bias {
		s += ", + bias"
	}
	if p.Residual {
		s += fmt.Sprintf(", + residual of stride %d", p.ResidualStride)
	}
	return s
}

func (p Product) check() error {
	switch {
	case p.Rows < 1 || p.Out < 1 || p.In < 1:
		return fmt.Errorf("%v: %w: every size has to be at least 1", p, ErrProduct)
	case p.XStride < p.In || p.WeightStride < p.In || p.YStride < p.Out || p.Residual && p.ResidualStride < p.Out:
		return fmt.Errorf("%v: %w: a stride is less than a row", p, ErrProduct)
	}
	return nil
}

// workspaceAlignment is what cuBLASLt asks of its workspace; memory from cuda.Allocate has it.
const workspaceAlignment = 256

func (p Product) checkOperands(o Operands, workspace int64) error {
	switch {
	case o.X == 0 || o.Weight == 0 || o.Y == 0 || p.Bias != (o.Bias != 0) || p.Residual != (o.Residual != 0):
		return fmt.Errorf("%v: %w: an operand is missing, or one is given that it has not", p, ErrProduct)
	case o.Residual == o.Y && p.Residual && p.ResidualStride != p.YStride:
		return fmt.Errorf("%v: %w: in place the residual has Y's stride", p, ErrProduct)
	case o.Workspace.Bytes < workspace || o.Workspace.Pointer%workspaceAlignment != 0:
		return fmt.Errorf("%v: %w: %d bytes of workspace at %#x, and its algorithm needs %d at a multiple of %d",
			p, ErrProduct, o.Workspace.Bytes, o.Workspace.Pointer, workspace, workspaceAlignment)
	}
	return nil
}

// alignments are in bytes, powers of two up to mostAlignment, that an operand's rows all have.
type alignments struct{ x, weight, bias, residual, y uint32 }

// mostAlignment is the widest load or store of a GPU's thread, beyond which alignment changes nothing.
const mostAlignment = 16

// alignments returns what the operands have; an address of 0 stands for one that is as aligned as can be.
func (p Product) alignments(o Operands) alignments {
	of := func(at cuda.Pointer, rows, stride int) uint32 {
		bits := uint64(at) | mostAlignment
		if rows > 1 {
			bits |= uint64(stride * p.Type.Bytes())
		}
		return uint32(bits & -bits)
	}
	a := alignments{x: of(o.X, p.Rows, p.XStride), weight: of(o.Weight, p.Out, p.WeightStride), y: of(o.Y, p.Rows, p.YStride)}
	if p.Bias {
		a.bias = of(o.Bias, 1, p.Out)
	}
	if p.Residual {
		a.residual = of(o.Residual, p.Rows, p.ResidualStride)
	}
	return a
}
