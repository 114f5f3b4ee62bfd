package model

import "vbge/engine/op"

// loader remembers the first error, so that the towers' parameters read as a list.
type loader struct {
	backend op.Backend
	weights Weights
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
	var weight, bias []float32
	for _, name := range names {
		weight = append(weight, l.values(name+".weight", out, in)...)
		bias = append(bias, l.values(name+".bias", out)...)
	}
	return l.newLinear(len(names)*out, in, weight, bias)
}

func (l *loader) newLinear(out, in int, weight, bias []float32) op.Linear {
	if l.err != nil {
		return op.Linear{}
	}
	w, err := l.backend.NewLinear(out, in, weight, bias)
	l.err = err
	return w
}

func (l *loader) newTable(rows, cols int, values []float32) op.Table {
	if l.err != nil {
		return op.Table{}
	}
	t, err := l.backend.NewTable(rows, cols, values)
	l.err = err
	return t
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
