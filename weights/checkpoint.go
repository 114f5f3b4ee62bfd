package weights

import (
	"context"
	"io"

	"vbge/weights/pth"
	"vbge/weights/tensor"
)

// checkpoint is an open file of named tensors, whatever its format.
type checkpoint interface {
	// Tensors returns all tensors in the file's order.
	Tensors() []*tensor.View
	// Others returns the names beside the tensors whose values are no tensors.
	Others() []string
	// Size returns the file's size in bytes.
	Size() int64
	// SHA256 reads the whole file and returns its SHA-256 in hex.
	SHA256(ctx context.Context) (string, error)
	// Verify holds the data of these tensors against the sums that the format keeps, if any.
	Verify(ctx context.Context, tensors []*tensor.View) error
	// CopyTo writes a tensor's elements as they are (little-endian, own type), row-major.
	CopyTo(ctx context.Context, w io.Writer, t *tensor.View) error
	Close() error
}

// openCheckpoint reads the structure of the checkpoint at path, not the weights.
func openCheckpoint(path string) (checkpoint, error) {
	file, err := pth.Open(path)
	if err != nil {
		return nil, err
	}
	return file, nil
}
