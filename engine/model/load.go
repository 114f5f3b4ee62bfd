package model

import (
	"slices"

	"vbge/engine/op"
)

// loader remembers the first error, so that the towers' parameters read as a list.
type loader struct {
	backend op.Backend
	weights Weights
	weight  []float32 // of the last stacked layer: memory for the next
	err     error
}

// values returns a tensor as the checkpoint has it.
func (l *loader) values(name string, shape ...int) []float32 {
	if l.err != nil {
		return nil
	}
	v, err := l.weights.Float32(name, shape...)
	l.err = err
	return v
}

// linear loads <name>.weight and <name>.bias.
func (l *loader) linear(name string, out, in int) op.Linear {
	return l.newLinear(out, in, l.values(name+".weight", out, in), l.values(name+".bias", out))
}

// stacked loads several linear layers of the same input as one product.
func (l *loader) stacked(names []string, out, in int) op.Linear {
	var bias []float32
	for _, name := range names {
		bias = append(bias, l.values(name+".bias", out)...)
	}
	return l.newLinear(len(names)*out, in, l.stack(names, out, in), bias)
}

// stack returns the layers' weights as one, until the next call.
func (l *loader) stack(names []string, out, in int) []float32 {
	l.weight = slices.Grow(l.weight[:0], len(names)*out*in)
	for _, name := range names {
		part := l.values(name+".weight", out, in)
		l.weight = append(l.weight, part...)
		l.forget(part)
	}
	return l.weight
}

func (l *loader) newLinear(out, in int, weight, bias []float32) op.Linear {
	if l.err != nil {
		return op.Linear{}
	}
	w, err := l.backend.NewLinear(out, in, weight, bias)
	l.err = err
	l.forget(weight)
	return w
}

func (l *loader) newTable(rows, cols int, values []float32) op.Table {
	if l.err != nil {
		return op.Table{}
	}
	t, err := l.backend.NewTable(rows, cols, values)
	l.err = err
	l.forget(values)
	return t
}

// forget tells weights that can use it that the backend has a copy of a tensor.
func (l *loader) forget(values []float32) {
	if f, ok := l.weights.(interface{ Forget(values []float32) }); ok {
		f.Forget(values)
	}
}

// norm is a layer norm's parameters.
type norm struct {
	gain, bias op.Table
	eps        float32
}

func (l *loader) norm(name string, width int, eps float32) norm {
	return norm{
		gain: l.newTable(1, width, l.values(name+".weight", width)),
		bias: l.newTable(1, width, l.values(name+".bias", width)),
		eps:  eps,
	}
}

func (n norm) record(p *op.Pass, x op.Tensor) op.Tensor {
	return p.LayerNorm(x, n.gain, n.bias, n.eps)
}
