package weights

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
// in .safetensors as safetensors. It has all tensors of the released file by name and shape, and in a
// .pth in its order, so that strict loaders take it; those that inference does not use are not in the
// folder, and are filled in. Elements are of type as (F32, F16 or BF16), or with "" as the folder has
// them. Weights stream from the mapped folder. The file appears complete or not at all, and replaces
// none. Errors wrap ErrExportName, os.ErrExist, or say what could not be read or written.
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

// writeWhole writes a file that appears at path complete or not at all, in place of none, and returns its size.
func writeWhole(path string, fill func(w io.Writer) error) (size int64, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".vbge-export-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	whole := filepath.Join(dir, filepath.Base(path))
	if size, err = createBuffered(whole, fill); err != nil {
		return 0, err
	}
	// A rename would replace what has come there meanwhile. Not all file systems have links.
	if err = os.Link(whole, path); err != nil && !errors.Is(err, os.ErrExist) {
		err = os.Rename(whole, path)
	}
	if err != nil {
		return 0, err
	}
	return size, syncDir(filepath.Dir(path))
}
