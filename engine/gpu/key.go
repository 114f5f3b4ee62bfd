package gpu

import (
	"encoding/binary"
	"math"
)

// key spells out steps: what a captured graph has in it, and nothing else.
func key(region int, steps []Step) string {
	k := keyWriter{make([]byte, 0, 200*len(steps))}
	k.ints(region)
	for _, s := range steps {
		k.step(s)
	}
	return string(k.bytes)
}

type keyWriter struct{ bytes []byte }

func (k *keyWriter) ints(values ...int) {
	for _, v := range values {
		k.bytes = binary.AppendVarint(k.bytes, int64(v))
	}
}

func (k *keyWriter) flag(set bool) {
	if set {
		k.ints(1)
	} else {
		k.ints(0)
	}
}

func (k *keyWriter) places(places ...Place) {
	for _, p := range places {
		k.ints(int(p.Space), int(p.Offset))
	}
}

func (k *keyWriter) operands(operands ...Operand) {
	for _, o := range operands {
		k.places(o.Place)
		k.ints(o.Rows, o.Cols, o.Stride, int(o.Type))
	}
}

func (k *keyWriter) norm(n Norm) {
	k.places(n.Gain, n.Bias)
	k.ints(int(math.Float32bits(n.Eps)))
}

func (k *keyWriter) step(s Step) {
	reads, y := s.Operands()
	k.bytes = append(k.bytes, s.Kind()...)
	k.ints(0, len(reads))
	k.operands(reads...)
	k.operands(y)
	switch s := s.(type) {
	case Patches:
		k.places(s.Pixels, s.Levels)
		k.ints(s.Side, s.Patch)
	case Product:
		w := s.Weight
		k.ints(int(w.weight), int(w.bias), w.out, w.in, w.stride, int(w.kind))
	case LayerNorm:
		k.norm(s.Norm)
	case LayerNormNormalise:
		k.norm(s.Norm)
	case SwiGLUNorm:
		k.norm(s.Norm)
	case Normalise:
		k.flag(s.Float32)
	case Assemble:
		k.places(s.Table, s.At, s.Add[0].Table, s.Add[0].At, s.Add[1].Table, s.Add[1].At)
		k.ints(s.TableRows)
		k.flag(s.Norm != nil)
		if s.Norm != nil {
			k.norm(*s.Norm)
		}
	case Attention:
		k.places(s.Queries, s.Keys, s.Tiles, s.Cos, s.Sin)
		k.ints(s.Heads, s.Width, s.MaxTiles, s.Sequences)
	}
}
