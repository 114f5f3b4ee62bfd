package tensor

import (
	"context"
	"fmt"
	"io"
)

// CopyTo writes the elements as they are (little-endian, own type), row-major. The storage begins
// at byte offset of r and holds all of Extent. A contiguous tensor streams; a strided one takes
// memory for the range of its storage it lies in. Errors name the tensor.
func (v *View) CopyTo(ctx context.Context, w io.Writer, r io.ReaderAt, offset int64) error {
	n, begin, end, err := v.Extent()
	if err != nil || n == 0 {
		return err
	}
	size := v.DType.Size()
	length := (end - begin) * size
	section := io.NewSectionReader(r, offset+int64(begin*size), int64(length))
	if v.Contiguous() {
		if err := Copy(ctx, w, section, make([]byte, min(length, 1<<16))); err != nil {
			return fmt.Errorf("tensor %s, storage %s: %w", v.Name, v.Storage, err)
		}
		return nil
	}
	window := make([]byte, length)
	if _, err := io.ReadFull(section, window); err != nil {
		return fmt.Errorf("tensor %s: read %d bytes of storage %s: %w", v.Name, length, v.Storage, err)
	}
	if err := v.gather(ctx, w, window, n); err != nil {
		return fmt.Errorf("tensor %s: %w", v.Name, err)
	}
	return nil
}

// gather writes the n elements of a strided tensor whose storage range is window, in row-major order.
func (v *View) gather(ctx context.Context, w io.Writer, window []byte, n int) error {
	size := v.DType.Size()
	index := make([]int, len(v.Shape))
	out := make([]byte, 0, min(n*size, 1<<16))
	for at := 0; ; {
		out = append(out, window[at*size:(at+1)*size]...)
		d := len(index) - 1
		for ; d >= 0; d-- { // an odometer: the last axis turns fastest
			index[d]++
			at += v.Stride[d]
			if index[d] < v.Shape[d] {
				break
			}
			at -= index[d] * v.Stride[d]
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

// Copy is io.CopyBuffer that ends with the context.
func Copy(ctx context.Context, w io.Writer, r io.Reader, buffer []byte) error {
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
