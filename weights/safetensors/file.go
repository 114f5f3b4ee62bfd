package safetensors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"

	"vbge/weights/tensor"
)

// File is an open file whose data stays where it is. Its methods may be called concurrently until Close.
type File struct {
	data    io.ReaderAt
	size    int64
	close   func() error
	tensors []*tensor.View
	offsets map[string]int64 // of the storages, in bytes of the file
}

// Open reads the header of the file at path and checks it as Parse does. Errors name the file too.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open checkpoint: %w", err)
	}
	c, err := openFile(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return c, nil
}

func openFile(f *os.File) (*File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file")
	}
	h, err := parse(f, info.Size())
	if err != nil {
		return nil, err
	}
	c := &File{data: f, size: info.Size(), close: f.Close, offsets: make(map[string]int64, len(h.Tensors))}
	for _, name := range h.names() {
		e := h.Tensors[name]
		begin := int64(h.DataOffset + e.Begin)
		v := &tensor.View{Name: name, DType: e.DType, Shape: e.Shape, Stride: tensor.RowMajor(e.Shape), Storage: strconv.FormatInt(begin, 10)}
		c.tensors = append(c.tensors, v)
		c.offsets[v.Storage] = begin
	}
	return c, nil
}

// Close releases the file.
func (c *File) Close() error { return c.close() }

// Tensors returns all tensors in the order of their data. Each has a storage of its own, which
// bears the number of the byte that it begins at.
func (c *File) Tensors() []*tensor.View { return c.tensors }

// Others returns nil: the format holds nothing but tensors.
func (c *File) Others() []string { return nil }

// Size returns the file's size in bytes.
func (c *File) Size() int64 { return c.size }

// SHA256 reads the whole file and returns its SHA-256 in hex.
func (c *File) SHA256(ctx context.Context) (string, error) {
	sum := sha256.New()
	if err := tensor.Copy(ctx, sum, io.NewSectionReader(c.data, 0, c.size), make([]byte, 1<<20)); err != nil {
		return "", fmt.Errorf("read checkpoint: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Verify returns nil: the format keeps no sums, and Open has checked all that it promises.
func (c *File) Verify(context.Context, []*tensor.View) error { return nil }

// CopyTo writes the tensor's elements to w as they are (little-endian, own type), row-major.
func (c *File) CopyTo(ctx context.Context, w io.Writer, t *tensor.View) error {
	return t.CopyTo(ctx, w, c.data, c.offsets[t.Storage])
}
