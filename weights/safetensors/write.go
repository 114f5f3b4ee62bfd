package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"vbge/weights/tensor"
)

// Write writes a file with the given tensors and metadata; the same input gives the same bytes.
// The format allows no gaps between tensors, so those whose size is a multiple of Alignment come
// first, the rest after them by falling element size: every element is aligned to its own size.
// Errors name the tensor; what was written by then is no valid file.
func Write(w io.Writer, metadata map[string]string, tensors []tensor.Source) error {
	tensors = slices.Clone(tensors)
	sizes := make(map[string]int, len(tensors))
	for _, t := range tensors {
		n, err := tensor.Count(t.Shape)
		if err != nil || t.DType.Size() == 0 {
			return fmt.Errorf("safetensors: tensor %q of type %q, shape %v: %w", t.Name, t.DType, t.Shape, cmp.Or(err, fmt.Errorf("unknown type")))
		}
		if _, twice := sizes[t.Name]; twice || t.Name == metadataKey {
			return fmt.Errorf("safetensors: tensor name %q is used twice or reserved", t.Name)
		}
		sizes[t.Name] = n * t.DType.Size()
	}
	slices.SortFunc(tensors, func(a, b tensor.Source) int {
		odd := func(t tensor.Source) int { return min(1, sizes[t.Name]%Alignment) }
		return cmp.Or(cmp.Compare(odd(a), odd(b)), cmp.Compare(b.DType.Size(), a.DType.Size()), cmp.Compare(a.Name, b.Name))
	})
	if err := writeHeader(w, metadata, tensors, sizes); err != nil {
		return err
	}
	for _, t := range tensors {
		c := &counter{w: w}
		if err := t.Data(c); err != nil {
			return fmt.Errorf("safetensors: write tensor %q: %w", t.Name, err)
		}
		if c.n != sizes[t.Name] {
			return fmt.Errorf("safetensors: tensor %q was given %d bytes of data, %d are needed", t.Name, c.n, sizes[t.Name])
		}
	}
	return nil
}

func writeHeader(w io.Writer, metadata map[string]string, tensors []tensor.Source, sizes map[string]int) error {
	var b bytes.Buffer
	b.WriteByte('{')
	field := func(name string, value any) error {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(text)
		return nil
	}
	if len(metadata) > 0 {
		if err := field(metadataKey, metadata); err != nil {
			return fmt.Errorf("safetensors: metadata: %w", err)
		}
	}
	at := 0
	for _, t := range tensors {
		shape := append([]int{}, t.Shape...) // a scalar's shape is [], never null
		if err := field(t.Name, jsonEntry{t.DType, shape, [2]int{at, at + sizes[t.Name]}}); err != nil {
			return fmt.Errorf("safetensors: header of tensor %q: %w", t.Name, err)
		}
		at += sizes[t.Name]
	}
	b.WriteByte('}')
	for (8+b.Len())%Alignment != 0 {
		b.WriteByte(' ')
	}
	length := binary.LittleEndian.AppendUint64(nil, uint64(b.Len()))
	if _, err := w.Write(append(length, b.Bytes()...)); err != nil {
		return fmt.Errorf("safetensors: write header: %w", err)
	}
	return nil
}

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += n
	return n, err
}
