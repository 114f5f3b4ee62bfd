package gpu

// Cost is what a step moves and computes, by what it must do: each operand once, each parameter
// once. Launches cover buckets, and so do costs, but for rows that a step leaves out.
type Cost struct {
	Read, Written int64 // activations, bytes
	Parameters    int64 // weights, biases and tables read, bytes
	Input         int64 // read from Staging, bytes
	MatrixFLOPs   int64 // on tensor cores; an addition and a multiplication are two
	FLOPs         int64 // other arithmetic, to the precision of the formulas
}

// Bytes returns all that is moved.
func (c Cost) Bytes() int64 { return c.Read + c.Written + c.Parameters + c.Input }

// Plus returns the sum.
func (c Cost) Plus(d Cost) Cost {
	return Cost{c.Read + d.Read, c.Written + d.Written, c.Parameters + d.Parameters, c.Input + d.Input,
		c.MatrixFLOPs + d.MatrixFLOPs, c.FLOPs + d.FLOPs}
}

// Arithmetic of one value in float32, counted in the formulas; a function such as erf counts as the
// polynomial that it is evaluated by.
const (
	patchFLOPs     = 0  // a lookup
	normFLOPs      = 8  // mean 1, variance 3, normalise and scale 4
	geluFLOPs      = 20 // erfc by a polynomial of degree 5 and an exponential
	swigluFLOPs    = 6  // for each value of the result: an exponential, a reciprocal, two products
	normaliseFLOPs = 3
	addFLOPs       = 1 // each lookup
	softmaxFLOPs   = 6 // each score: scale, maximum, exponential, sum
	rotaryFLOPs    = 3 // each channel of a query or key
)

// CostOf returns what s moves and computes.
func CostOf(s Step) Cost {
	reads, y := s.Operands()
	c := Cost{Written: y.bytes()}
	for _, x := range reads {
		c.Read += x.bytes()
	}
	values := int64(y.Rows) * int64(y.Cols)
	switch s := s.(type) {
	case Patches:
		c.Input = values + 4*3*256 // a byte a sample
		c.FLOPs = patchFLOPs * values
	case Product:
		w := s.Weight
		c.Parameters = w.weightBytes()
		if w.bias != 0 {
			c.Parameters += w.biasBytes()
		}
		c.MatrixFLOPs = 2 * int64(y.Rows) * int64(w.out) * int64(w.in)
	case GELU:
		c.FLOPs = geluFLOPs * values
	case LayerNorm, LayerNormNormalise:
		c.Parameters = normBytes(y.Cols)
		c.FLOPs = normFLOPs * values
		if _, ok := s.(LayerNormNormalise); ok {
			c.FLOPs += normaliseFLOPs * values
		}
	case SwiGLU:
		c.FLOPs = swigluFLOPs * values
	case SwiGLUNorm:
		c.Parameters = normBytes(y.Cols)
		c.FLOPs = (swigluFLOPs + normFLOPs) * values
	case Normalise:
		c.FLOPs = normaliseFLOPs * values
	case Assemble:
		return s.cost()
	case Attention:
		return s.cost()
	}
	return c
}

func normBytes(cols int) int64 { return 2 * 4 * int64(cols) }

// cost counts the rows that the batch has: the kernel passes over the others. Rows of float32
// tables count as parameters, one for each row of the result.
func (s Assemble) cost() Cost {
	rows, cols := int64(s.rows), int64(s.Y.Cols)
	activation := rows * cols * int64(s.Y.Type.Bytes())
	c := Cost{Written: activation}
	if len(s.Sources) > 0 {
		c.Read = s.sourceRows * cols * int64(s.Y.Type.Bytes())
	}
	c.Parameters = 4 * cols * (rows - s.sourceRows)
	lists := int64(0)
	if s.At.Space != None {
		lists++
	}
	for _, l := range s.Add {
		if l.Table.Space == None {
			continue
		}
		c.Parameters += 4 * cols * rows
		c.FLOPs += addFLOPs * rows * cols
		if l.At.Space != None {
			lists++
		}
	}
	c.Input = 4 * lists * int64(s.Y.Rows)
	if s.Norm != nil {
		c.Parameters += normBytes(s.Y.Cols)
		c.FLOPs += normFLOPs * rows * cols
	}
	return c
}

// cost counts the batch's queries and keys, each once: keys and values that every tile of queries
// loads again come from the L2 cache.
func (s Attention) cost() Cost {
	width, bytes := int64(s.Heads*s.Width), int64(s.Y.Type.Bytes())
	q, k := int64(s.queries), int64(s.keys)
	c := Cost{
		Read:        (q + 2*k) * width * bytes,
		Written:     q * width * bytes,
		Input:       4 * (2*int64(s.Sequences+1) + 1 + 2*int64(s.MaxTiles)),
		MatrixFLOPs: 4 * s.scores * width,
		FLOPs:       softmaxFLOPs * s.scores * int64(s.Heads),
	}
	if s.Cos.Space != None {
		c.Parameters = 2 * 4 * int64(s.Width) * q // the tables' rows, by the tiles of one head; they stay in the cache
		c.FLOPs += rotaryFLOPs * (q + k) * width
	}
	return c
}
