//go:build cuda && cgo

package gpu

import (
	"fmt"

	"vbge/cuda"
	"vbge/cuda/cublaslt"
	"vbge/cuda/kernels"
)

// launcher enqueues the steps of one segment of a slot's batch.
type launcher struct {
	*slot
	region int
	stream *cuda.Stream
}

// steps enqueues a segment on the computing stream, launch by launch.
func (s *slot) steps(segment Segment) error {
	l := launcher{s, segment.Region, s.machine.compute}
	for i, step := range segment.Steps {
		if err := l.step(step); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, step.Kind(), err)
		}
	}
	return nil
}

// step calls the launcher that belongs to a step.
func (l launcher) step(step Step) error {
	k, s := l.machine.kernels, l.stream
	switch o := step.(type) {
	case Product:
		return l.product(o)
	case Attention:
		return k.Attention(s, o.Q.Type, l.attention(o), l.matrix(o.Y))
	case Assemble:
		return k.Assemble(s, o.Y.Type, l.assemble(o), l.matrix(o.Y))
	case Patches:
		p := kernels.Patches{Pixels: l.at(o.Pixels), Levels: l.at(o.Levels), Side: o.Side, Patch: o.Patch}
		return k.Patches(s, o.Y.Type, p, l.matrix(o.Y))
	case GELU:
		return k.GELU(s, o.X.Type, l.matrix(o.X), l.matrix(o.Y))
	case LayerNorm:
		return k.LayerNorm(s, o.X.Type, l.matrix(o.X), l.norm(o.Norm), l.matrix(o.Y))
	case LayerNormNormalise:
		return k.LayerNormNormalise(s, o.X.Type, l.matrix(o.X), l.norm(o.Norm), l.matrix(o.Y))
	case SwiGLU:
		return k.SwiGLU(s, o.X.Type, l.matrix(o.X), l.matrix(o.Y))
	case SwiGLUNorm:
		return k.SwiGLUNorm(s, o.X.Type, l.matrix(o.X), l.norm(o.Norm), l.matrix(o.Y))
	case Normalise:
		return k.Normalise(s, o.X.Type, l.matrix(o.X), l.matrix(o.Y), o.Float32)
	case Export:
		return k.Export(s, o.X.Type, l.matrix(o.X), l.at(o.Y.Place))
	}
	return fmt.Errorf("the CUDA engine has no such step: %T", step)
}

func (l launcher) at(p Place) cuda.Pointer { return l.address(p, l.region) }

func (l launcher) matrix(o Operand) kernels.Matrix {
	return kernels.Matrix{At: l.at(o.Place), Rows: o.Rows, Cols: o.Cols, Stride: o.Stride}
}

func (l launcher) norm(n Norm) kernels.Norm {
	return kernels.Norm{Gain: l.at(n.Gain), Bias: l.at(n.Bias), Eps: n.Eps}
}

func (l launcher) product(o Product) error {
	blas, residual := l.machine.blas, o.Residual.Space != None
	p := cublaslt.Product{Rows: o.Y.Rows, Out: o.Weight.out, In: o.Weight.in, Type: o.Weight.kind, XStride: o.X.Stride,
		WeightStride: o.Weight.stride, ResidualStride: o.Residual.Stride, YStride: o.Y.Stride, Bias: o.Weight.bias != 0, Residual: residual}
	plan, err := blas.Plan(p, l.machine.workspace.Bytes)
	if err != nil {
		return err
	}
	return blas.Run(l.stream, plan, cublaslt.Operands{X: l.at(o.X.Place), Weight: cuda.Pointer(o.Weight.weight),
		Bias: cuda.Pointer(o.Weight.bias), Residual: l.at(o.Residual.Place), Y: l.at(o.Y.Place), Workspace: l.machine.workspace})
}

func (l launcher) attention(o Attention) kernels.Attention {
	return kernels.Attention{Q: l.matrix(o.Q), K: l.matrix(o.K), V: l.matrix(o.V), Heads: o.Heads, Width: o.Width,
		Queries: l.at(o.Queries), Keys: l.at(o.Keys), Tiles: l.at(o.Tiles), MaxTiles: o.MaxTiles, Cos: l.at(o.Cos), Sin: l.at(o.Sin)}
}

func (l launcher) assemble(o Assemble) kernels.Assemble {
	a := kernels.Assemble{Table: l.at(o.Table), TableRows: o.TableRows, At: l.at(o.At)}
	for _, source := range o.Sources {
		a.Sources = append(a.Sources, l.matrix(source))
	}
	for i, add := range o.Add {
		a.Add[i] = kernels.Lookup{Table: l.at(add.Table), At: l.at(add.At)}
	}
	if o.Norm != nil {
		n := l.norm(*o.Norm)
		a.Norm = &n
	}
	return a
}
