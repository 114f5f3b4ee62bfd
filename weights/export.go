package weights

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vbge/weights/pth"
	"vbge/weights/safetensors"
	"vbge/weights/tensor"
)

// ErrExportName means that a file's name does not tell which format to write.
var ErrExportName = errors.New("the file to write has to end in .pth or .safetensors")

// ExportReport says what Export wrote.
type ExportReport struct {
	Out     string
	Tensors int
	Bytes   int64
	Filled  []string // tensors of the released file that the model folder does not have
}

// String returns the report as lines of text for people.
func (r *ExportReport) String() string {
	var b strings.Builder
	if len(r.Filled) > 0 {
		fmt.Fprintf(&b, "filled    %s; not in the folder, as inference does not use them: zeros, ones for a norm's weight, CLIP's first logit_scale\n", listed(r.Filled))
	}
	fmt.Fprintf(&b, "written   %s: %d tensors, %d bytes\n", printable(r.Out), r.Tensors, r.Bytes)
	return b.String()
}

// Export writes the model folder dir as one checkpoint: at a path ending in .pth as torch.save does,
// in .safetensors as safetensors. It has all tensors of the released file by name and shape (and in a
// .pth in its order), so that strict loaders take it; those that inference does not use are not in the folder, and are
// filled in. Elements are of type as (F32, F16 or BF16), or with "" as the folder has them. Weights
// stream from the mapped folder. The file appears complete or not at all, and replaces none.
func Export(ctx context.Context, dir, path string, as tensor.DType) (*ExportReport, error) {
	r, err := export(ctx, dir, path, as)
	if err != nil {
		return nil, fmt.Errorf("export %s to %s: %w", dir, path, err)
	}
	return r, nil
}

func export(ctx context.Context, dir, path string, as tensor.DType) (*ExportReport, error) {
	var write func(w io.Writer, tensors []tensor.Source) error
	switch filepath.Ext(path) {
	case ".pth":
		write = pth.Write
	case ".safetensors":
		write = func(w io.Writer, tensors []tensor.Source) error {
			return safetensors.Write(w, map[string]string{"format": "pt"}, tensors) // transformers asks for it
		}
	default:
		return nil, ErrExportName
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%w and is left as it is: name another or remove it", os.ErrExist)
	}
	f, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sources, filled, err := f.sources(ctx, as)
	if err != nil {
		return nil, err
	}
	r := &ExportReport{Out: path, Tensors: len(sources), Filled: filled}
	r.Bytes, err = writeWhole(path, func(w io.Writer) error { return write(w, sources) })
	return r, err
}

// sources are the tensors of a checkpoint of the folder's configuration, in the released file's order.
func (f *Folder) sources(ctx context.Context, as tensor.DType) (sources []tensor.Source, filled []string, err error) {
	for _, t := range layout(f.config) {
		s := tensor.Source{Name: t.name, Shape: t.shape}
		from := t.name
		if t.rope { // the blocks' buffers are the tower's
			from = RopeCos
			if strings.HasSuffix(t.name, "sin") {
				from = RopeSin
			}
			s.Storage = from
		}
		if t.role == unused {
			filled = append(filled, t.name)
			s.DType = f.Precision("bge_embeddings.word_embeddings.weight")
			if as != "" {
				s.DType = as
			}
			if s.Data, err = constant(ctx, s, float32(t.mean)); err != nil {
				return nil, nil, err
			}
			sources = append(sources, s)
			continue
		}
		e, err := f.entry(from, t.shape)
		if err != nil {
			return nil, nil, err
		}
		data := f.data(e)
		s.DType, s.Data = e.DType, func(w io.Writer) error {
			return tensor.Copy(ctx, w, bytes.NewReader(data), make([]byte, 1<<16))
		}
		if as != "" && as != e.DType {
			s.DType, s.Data = as, func(w io.Writer) error { return recode(ctx, w, data, e.DType, as) }
		}
		sources = append(sources, s)
	}
	return sources, filled, nil
}

// constant makes a tensor's data of one value. It is zero in all but a norm's weight and logit_scale.
func constant(ctx context.Context, s tensor.Source, value float32) (func(w io.Writer) error, error) {
	n, err := tensor.Count(s.Shape)
	if err != nil {
		return nil, err
	}
	const run = 1 << 12
	elements, err := s.DType.Append(nil, slices.Repeat([]float32{value}, min(n, run)))
	if err != nil {
		return nil, err
	}
	return func(w io.Writer) error {
		for left := n; left > 0; left -= run {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := w.Write(elements[:min(left, run)*s.DType.Size()]); err != nil {
				return err
			}
		}
		return nil
	}, nil
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

// writeWhole writes a file that appears at path complete or not at all, and returns its size.
func writeWhole(path string, fill func(w io.Writer) error) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".vbge-export-*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	b := bufio.NewWriterSize(f, 1<<20)
	if err = fill(b); err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		size, err = f.Seek(0, io.SeekEnd)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return 0, err
	}
	return size, syncDir(filepath.Dir(path))
}
