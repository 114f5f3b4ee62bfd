// Package safetensors reads and writes the safetensors format: eight bytes with the header's
// length (little-endian), a JSON header of names, types, shapes and byte ranges, then the data
// (https://github.com/huggingface/safetensors#format).
package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"

	"vbge/weights/tensor"
)

// Alignment is the multiple of bytes at which Write starts the data section, and every tensor
// whose size and whose predecessors' sizes are such multiples.
const Alignment = 64

// maxHeader is the limit that the reference implementation sets, too.
const maxHeader = 100 << 20

// metadataKey is the one header entry that is no tensor: a map of strings.
const metadataKey = "__metadata__"

// Entry is one tensor of a file.
type Entry struct {
	DType tensor.DType
	Shape []int
	// Begin and End are byte offsets into the data section.
	Begin, End int
}

// Header is what stands before a file's data.
type Header struct {
	Metadata map[string]string
	Tensors  map[string]Entry
	// DataOffset is where the data section begins in the file, in bytes.
	DataOffset int
}

// jsonEntry is an Entry as the header spells it.
type jsonEntry struct {
	DType   tensor.DType `json:"dtype"`
	Shape   []int        `json:"shape"`
	Offsets [2]int       `json:"data_offsets"`
}

// Parse reads the header of file, the whole content of a safetensors file, and checks that every
// tensor lies inside the data section, that its range fits type and shape, and that no two overlap
// or leave bytes unused. Errors name the tensor, and a byte of the header or of the data.
func Parse(file []byte) (*Header, error) {
	return parse(bytes.NewReader(file), int64(len(file)))
}

// parse is Parse of a file of size bytes, of which it reads the header alone. The memory it takes
// is bounded by the header's length, which is bounded by the file's.
func parse(r io.ReaderAt, size int64) (*Header, error) {
	var prefix [8]byte
	if size < 8 {
		return nil, fmt.Errorf("safetensors: %d bytes, too short for a header", size)
	}
	if _, err := r.ReadAt(prefix[:], 0); err != nil {
		return nil, fmt.Errorf("safetensors: read the header's length: %w", err)
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > maxHeader || n > uint64(size-8) {
		return nil, fmt.Errorf("safetensors: header of %d bytes in a file of %d: truncated, or no safetensors file", n, size)
	}
	h := &Header{Tensors: map[string]Entry{}, DataOffset: 8 + int(n)}
	if err := parseHeader(io.NewSectionReader(r, 8, int64(n)), h); err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return h, h.checkCover(int(size) - h.DataOffset)
}

// names returns the tensors' names in the order of their data.
func (h *Header) names() []string {
	return slices.SortedFunc(maps.Keys(h.Tensors), func(a, b string) int {
		x, y := h.Tensors[a], h.Tensors[b]
		return cmp.Or(cmp.Compare(x.Begin, y.Begin), cmp.Compare(x.End, y.End), cmp.Compare(a, b))
	})
}

// checkCover verifies that the tensors fill the data section without overlap, as the format asks.
func (h *Header) checkCover(size int) error {
	at := 0
	for _, name := range h.names() {
		e := h.Tensors[name]
		if e.Begin != at {
			return fmt.Errorf("safetensors: tensor %q begins at byte %d of the data, where %d was expected: tensors overlap or leave a hole", name, e.Begin, at)
		}
		if e.End > size {
			return fmt.Errorf("safetensors: tensor %q ends at byte %d of %d bytes of data: the file is truncated", name, e.End, size)
		}
		at = e.End
	}
	if at != size {
		return fmt.Errorf("safetensors: %d bytes of data, of which the tensors hold %d", size, at)
	}
	return nil
}
