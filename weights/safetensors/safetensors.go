// Package safetensors reads and writes the safetensors format: eight bytes with the header's
// length (little-endian), a JSON header of names, types, shapes and byte ranges, then the data
// (https://github.com/huggingface/safetensors#format). It handles headers; data stays with the caller.
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
// or leave bytes unused. Errors name the tensor.
func Parse(file []byte) (*Header, error) {
	if len(file) < 8 {
		return nil, fmt.Errorf("safetensors: %d bytes, too short for a header", len(file))
	}
	n := binary.LittleEndian.Uint64(file)
	if n > maxHeader || n > uint64(len(file)-8) {
		return nil, fmt.Errorf("safetensors: header of %d bytes in a file of %d: truncated, or no safetensors file", n, len(file))
	}
	text := file[8 : 8+n]
	raw, err := decodeObject(text)
	if err != nil {
		return nil, fmt.Errorf("safetensors: header: %w", err)
	}
	h := &Header{Tensors: make(map[string]Entry, len(raw)), DataOffset: 8 + int(n)}
	for name, value := range raw {
		if name == metadataKey {
			if err := json.Unmarshal(value, &h.Metadata); err != nil {
				return nil, fmt.Errorf("safetensors: %s: %w", metadataKey, err)
			}
			continue
		}
		e, err := parseEntry(value)
		if err != nil {
			return nil, fmt.Errorf("safetensors: tensor %q: %w", name, err)
		}
		h.Tensors[name] = e
	}
	return h, checkCover(h.Tensors, len(file)-h.DataOffset)
}

// decodeObject is json.Unmarshal into a map, save that it refuses a name that stands twice.
func decodeObject(text []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("no JSON object (%v)", cmp.Or(err, fmt.Errorf("found %v", t)))
	}
	object := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string) // a key of an object is always a string
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("%q stands twice", name)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		object[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return object, nil
}

func parseEntry(value []byte) (Entry, error) {
	var j jsonEntry
	if err := json.Unmarshal(value, &j); err != nil {
		return Entry{}, err
	}
	size := j.DType.Size()
	if size == 0 {
		return Entry{}, fmt.Errorf("unknown type %q", j.DType)
	}
	n, err := tensor.Count(j.Shape)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{DType: j.DType, Shape: j.Shape, Begin: j.Offsets[0], End: j.Offsets[1]}
	if e.Begin < 0 || e.End < e.Begin || e.End-e.Begin != n*size {
		return Entry{}, fmt.Errorf("bytes %d to %d do not hold %s of shape %v (%d bytes)", e.Begin, e.End, e.DType, e.Shape, n*size)
	}
	return e, nil
}

// checkCover verifies that the tensors fill the data section without overlap, as the format asks.
func checkCover(tensors map[string]Entry, size int) error {
	names := make([]string, 0, len(tensors))
	for name := range tensors {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(tensors[a].Begin, tensors[b].Begin), cmp.Compare(tensors[a].End, tensors[b].End), cmp.Compare(a, b))
	})
	at := 0
	for _, name := range names {
		e := tensors[name]
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
