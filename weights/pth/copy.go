package pth

import (
	"context"
	"fmt"
	"io"
)

// CopyTo writes the tensor's elements to w as they are (little-endian, own type), row-major.
// A contiguous tensor streams; a strided one takes memory for the range of its storage it lies in.
func (c *File) CopyTo(ctx context.Context, w io.Writer, t *Tensor) error {
	n, begin, end, err := t.extent()
	if err != nil || n == 0 {
		return err
	}
	size := t.DType.Size()
	offset, length := c.entries[t.Storage].offset+int64(begin*size), (end-begin)*size
	r := io.NewSectionReader(c.data, offset, int64(length))
	if t.contiguous() {
		if err := copyContext(ctx, w, r, make([]byte, min(length, 1<<16))); err != nil {
			return fmt.Errorf("tensor %s, storage %s: %w", t.Name, t.Storage, err)
		}
		return nil
	}
	window := make([]byte, length)
	if _, err := io.ReadFull(r, window); err != nil {
		return fmt.Errorf("tensor %s: read %d bytes of storage %s: %w", t.Name, length, t.Storage, err)
	}
	if err := gather(ctx, w, window, t); err != nil {
		return fmt.Errorf("tensor %s: %w", t.Name, err)
	}
	return nil
}

// gather writes the elements of a strided tensor whose storage range is window, in row-major order.
func gather(ctx context.Context, w io.Writer, window []byte, t *Tensor) error {
	size := t.DType.Size()
	index := make([]int, len(t.Shape))
	out := make([]byte, 0, 1<<16)
	for at := 0; ; {
		out = append(out, window[at*size:(at+1)*size]...)
		d := len(index) - 1
		for ; d >= 0; d-- { // an odometer: the last axis turns fastest
			index[d]++
			at += t.Stride[d]
			if index[d] < t.Shape[d] {
				break
			}
			at -= index[d] * t.Stride[d]
			index[d] = 0
		}
		if d >= 0 && len(out)+size <= cap(out) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
		if d < 0 {
			return nil
		}
		out = out[:0]
	}
}

// copyContext is io.CopyBuffer that ends with the context.
func copyContext(ctx context.Context, w io.Writer, r io.Reader, buffer []byte) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buffer)
		if _, werr := w.Write(buffer[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
