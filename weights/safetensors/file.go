package safetensors

import (
	"context"
	"io"
	"strconv"

	"vbge/weights/tensor"
)

// File is what a file holds; the data stays where it is. Its methods may be called concurrently.
type File struct {
	data    io.ReaderAt
	tensors []*tensor.View
	offsets map[string]int64 // of the storages, in bytes of the file
}

// NewFile reads the header of a file of size bytes and checks it as Parse does.
func NewFile(r io.ReaderAt, size int64) (*File, error) {
	h, err := parse(r, size)
	if err != nil {
		return nil, err
	}
	c := &File{data: r, offsets: make(map[string]int64, len(h.Tensors))}
	for _, name := range h.names() {
		e := h.Tensors[name]
		begin := int64(h.DataOffset + e.Begin)
		v := &tensor.View{Name: name, DType: e.DType, Shape: e.Shape, Stride: tensor.RowMajor(e.Shape), Storage: strconv.FormatInt(begin, 10)}
		c.tensors = append(c.tensors, v)
		c.offsets[v.Storage] = begin
	}
	return c, nil
}

// Tensors returns all tensors in the order of their data. Each has a storage of its own, which
// bears the number of the byte that it begins at.
func (c *File) Tensors() []*tensor.View { return c.tensors }

// Others returns nil: the format holds nothing but tensors.
func (c *File) Others() []string { return nil }

// Verify returns nil: the format keeps no sums, and NewFile has checked all that it promises.
func (c *File) Verify(context.Context, []*tensor.View) error { return nil }

// CopyTo writes the tensor's elements to w as they are (little-endian, own type), row-major.
func (c *File) CopyTo(ctx context.Context, w io.Writer, t *tensor.View) error {
	return t.CopyTo(ctx, w, c.data, c.offsets[t.Storage])
}
