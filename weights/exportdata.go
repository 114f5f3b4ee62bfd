package weights

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"vbge/weights/tensor"
)

// sources are the tensors of a checkpoint of the folder's configuration, in the released file's
// order, and the names of those that the folder does not have.
func (f *Folder) sources(ctx context.Context, as tensor.DType) (sources []tensor.Source, filled []string, err error) {
	for _, t := range layout(f.config) {
		var s tensor.Source
		if t.role == unused {
			filled = append(filled, t.name)
			s, err = f.filler(ctx, t, as)
		} else {
			s, err = f.stored(ctx, t, as)
		}
		if err != nil {
			return nil, nil, err
		}
		sources = append(sources, s)
	}
	return sources, filled, nil
}

// stored is a tensor that the folder has, under its own name or, of a block's rotary buffers, the tower's.
func (f *Folder) stored(ctx context.Context, t layoutTensor, as tensor.DType) (tensor.Source, error) {
	s := tensor.Source{Name: t.name, Shape: t.shape}
	from := t.name
	if t.rope {
		from = RopeCos
		if strings.HasSuffix(t.name, "sin") {
			from = RopeSin
		}
		s.Storage = from
	}
	e, err := f.entry(from, t.shape)
	if err != nil {
		return s, err
	}
	data := f.data(e)
	s.DType, s.Data = e.DType, func(w io.Writer) error {
		return tensor.Copy(ctx, w, bytes.NewReader(data), make([]byte, 1<<16))
	}
	if as != "" && as != e.DType {
		s.DType, s.Data = as, func(w io.Writer) error { return recode(ctx, w, data, e.DType, as) }
	}
	return s, nil
}

// filler stands in for a tensor that the folder does not have: the mean of what random weights draw,
// which is zero in all but a norm's weight and logit_scale.
func (f *Folder) filler(ctx context.Context, t layoutTensor, as tensor.DType) (tensor.Source, error) {
	s := tensor.Source{Name: t.name, Shape: t.shape, DType: as}
	if as == "" {
		s.DType = f.Precision("bge_embeddings.word_embeddings.weight")
	}
	n, err := tensor.Count(t.shape)
	if err != nil {
		return s, err
	}
	const run = 1 << 12
	elements, err := s.DType.Append(nil, slices.Repeat([]float32{float32(t.mean)}, min(n, run)))
	s.Data = func(w io.Writer) error {
		for left := n; left > 0; left -= run {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := w.Write(elements[:min(left, run)*s.DType.Size()]); err != nil {
				return err
			}
		}
		return nil
	}
	return s, err
}

// recode writes elements of type from as elements of type to.
func recode(ctx context.Context, w io.Writer, data []byte, from, to tensor.DType) error {
	var values [1 << 12]float32
	var out []byte
	for chunk := range slices.Chunk(data, len(values)*from.Size()) {
		if err := ctx.Err(); err != nil {
			return err
		}
		decoded := values[:len(chunk)/from.Size()]
		err := from.Float32s(decoded, chunk)
		if err == nil {
			out, err = to.Append(out[:0], decoded)
		}
		if err == nil {
			_, err = w.Write(out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
