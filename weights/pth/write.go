package pth

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"
	"strings"

	"vbge/weights/tensor"
)

// alignment is the multiple of bytes at which torch.save begins every entry's data.
const alignment = 64

// Write writes an OrderedDict of the tensors, in their order, as torch.save does: a zip that
// torch.load reads, with weights_only=True and mapped too. Tensors of one Storage share it. The same
// input gives the same bytes. Data is called twice, for a sum and to be written: no tensor is held
// in memory. Errors name the tensor; what was written by then is no valid file.
func Write(w io.Writer, tensors []tensor.Source) error {
	all, err := blocksOf(tensors)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	out := &counter{w: bufio.NewWriterSize(w, 1<<20)}
	z := &zipWriter{Writer: zip.NewWriter(out), out: out}
	err = z.text("data.pkl", pickled(tensors, all))
	if err == nil {
		err = z.text("byteorder", "little")
	}
	for _, s := range all.list {
		if err == nil {
			err = z.entry("data/"+s.key, s.bytes, s.source.Data)
		}
	}
	if err == nil {
		err = z.text("version", "3\n")
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = out.w.Flush()
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// block is one storage to write.
type block struct {
	key    string
	source tensor.Source // one of those that share it
	count  int
	bytes  int64
}

// blocks are the storages in the order of their first tensor, and by each tensor's name.
type blocks struct {
	list []*block
	of   map[string]*block
}

// blocksOf numbers the storages, and checks what cannot be written.
func blocksOf(tensors []tensor.Source) (*blocks, error) {
	all := &blocks{of: make(map[string]*block, len(tensors))}
	shared := map[string]*block{}
	for _, t := range tensors {
		n, err := tensor.Count(t.Shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if storageClass(t.DType) == "" {
			return nil, fmt.Errorf("tensor %q is of type %q, for which torch has no storage", t.Name, t.DType)
		}
		if all.of[t.Name] != nil {
			return nil, fmt.Errorf("tensor name %q is used twice", t.Name)
		}
		s := shared[t.Storage]
		if s == nil || t.Storage == "" {
			s = &block{strconv.Itoa(len(all.list)), t, n, int64(n) * int64(t.DType.Size())}
			all.list, shared[t.Storage] = append(all.list, s), s
		}
		if s.count != n || s.source.DType != t.DType {
			return nil, fmt.Errorf("tensor %q cannot share the storage of %q: %d x %s and %d x %s", t.Name, s.source.Name, n, t.DType, s.count, s.source.DType)
		}
		if s.bytes > math.MaxUint32 {
			return nil, fmt.Errorf("tensor %q of %d bytes: a zip entry without extensions has no room for it", t.Name, s.bytes)
		}
		all.of[t.Name] = s
	}
	return all, nil
}

// storageClass is torch's name for a storage of elements of type d, "" if there is none.
func storageClass(d tensor.DType) string {
	for class, of := range storageTypes {
		if of == d {
			return class
		}
	}
	return ""
}

// zipWriter writes entries as torch.save does: not compressed, data aligned.
type zipWriter struct {
	*zip.Writer
	out *counter
}

func (z *zipWriter) text(name, content string) error {
	return z.entry(name, int64(len(content)), func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	})
}

// entry writes size bytes of data, after a first run over them for the sum that stands before them.
func (z *zipWriter) entry(name string, size int64, data func(w io.Writer) error) error {
	sum := crc32.NewIEEE()
	check := &counter{w: bufio.NewWriter(sum)}
	if err := data(check); err != nil {
		return fmt.Errorf("entry %s: %w", name, err)
	}
	if err := check.w.Flush(); err != nil || check.n != size {
		return fmt.Errorf("entry %s was given %d bytes, %d are needed (%v)", name, check.n, size, err)
	}
	if err := z.Flush(); err != nil {
		return err
	}
	name = "archive/" + name
	const fixed, extraHead = 30, 4 // of a local header, and of its extra field
	pad := -(z.out.n + fixed + int64(len(name)) + extraHead) & (alignment - 1)
	extra := binary.LittleEndian.AppendUint16([]byte("FB"), uint16(pad)) // torch's own tag
	w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, CRC32: sum.Sum32(), Extra: append(extra, make([]byte, pad)...),
		CompressedSize64: uint64(size), UncompressedSize64: uint64(size)})
	if err == nil {
		err = data(w)
	}
	if err != nil {
		return fmt.Errorf("entry %s: %w", name, err)
	}
	return nil
}

// counter counts what goes through it.
type counter struct {
	w *bufio.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// pickled writes data.pkl: opcodes of protocol 2, as in machine.
func pickled(tensors []tensor.Source, all *blocks) string {
	var b strings.Builder
	const newDict = "ccollections\nOrderedDict\n)R"
	b.WriteString("\x80\x02" + newDict + "(")
	for _, t := range tensors {
		s := all.of[t.Name]
		pickleText(&b, t.Name)
		b.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
		pickleText(&b, "storage")
		b.WriteString("ctorch\n" + storageClass(t.DType) + "\n")
		pickleText(&b, s.key)
		pickleText(&b, "cpu")
		pickleInts(&b, s.count)
		b.WriteString("tQ")
		pickleInts(&b, 0)
		b.WriteByte('(')
		pickleInts(&b, t.Shape...)
		b.WriteString("t(")
		pickleInts(&b, tensor.RowMajor(t.Shape)...)
		b.WriteString("t\x89" + newDict + "tR") // no gradient, no hooks
	}
	b.WriteString("u.")
	return b.String()
}

func pickleText(b *strings.Builder, text string) {
	b.WriteByte('X') // BINUNICODE
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(text))))
	b.WriteString(text)
}

func pickleInts(b *strings.Builder, list ...int) {
	for _, n := range list {
		if n <= math.MaxInt32 {
			b.WriteByte('J') // BININT
			b.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
			continue
		}
		b.WriteString("\x8a\x08") // LONG1 of eight bytes
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
	}
}
