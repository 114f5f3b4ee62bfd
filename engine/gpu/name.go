package gpu

import "fmt"

// NameOf returns a step's kind with the shape that tells it from others of the kind, without its rows.
func NameOf(s Step) string {
	reads, y := s.Operands()
	switch s := s.(type) {
	case Product:
		return fmt.Sprintf("product %d to %d", reads[0].Cols, y.Cols)
	case Attention:
		if s.Cos.Space != None {
			return fmt.Sprintf("attention, %d heads of %d, rotated", s.Heads, s.Width)
		}
		return fmt.Sprintf("attention, %d heads of %d", s.Heads, s.Width)
	case SwiGLU, SwiGLUNorm:
		return fmt.Sprintf("%s %d to %d", s.Kind(), reads[0].Cols, y.Cols)
	case Assemble:
		if s.Norm != nil {
			return fmt.Sprintf("%s_norm %d", s.Kind(), y.Cols)
		}
	}
	return fmt.Sprintf("%s %d", s.Kind(), y.Cols)
}
