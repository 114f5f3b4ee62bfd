package weights

import "fmt"

// TensorError says that a model lacks a tensor, or has it in another shape.
type TensorError struct {
	Name  string
	Want  []int
	Found []int // nil if there is no such tensor
}

// Error names the tensor and both shapes.
func (e *TensorError) Error() string {
	if e.Found == nil {
		return fmt.Sprintf("no tensor %s (wanted with shape %v)", e.Name, e.Want)
	}
	return fmt.Sprintf("tensor %s has shape %v, wanted %v", e.Name, e.Found, e.Want)
}
