package tensor

import "io"

// Source is one tensor to write into a file.
type Source struct {
	Name  string
	DType DType
	Shape []int
	// Storage, if not empty, says that tensors with the same one hold the same data, which formats
	// that can keep once.
	Storage string
	// Data writes the elements to w: little-endian, row-major, exactly as many as Shape says, and the
	// same on each call.
	Data func(w io.Writer) error
}
