// Package npy reads and writes NumPy's .npy arrays and .npz archives (format versions 1 to 3),
// the exchange format of vbge's golden vectors and of `vbge embed --npy`.
package npy

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Array is one array in C order. Exactly one of Float32 and Uint8 is set, by the file's type.
type Array struct {
	Shape   []int
	Float32 []float32
	Uint8   []uint8
}

const magic = "\x93NUMPY"

// maxValues keeps a lying header from asking for more memory than any array of this project has.
const maxValues = 1 << 30

// Read reads one array of type float32 or uint8, little-endian, C order.
func Read(r io.Reader) (Array, error) {
	descr, shape, err := readHeader(r)
	if err != nil {
		return Array{}, err
	}
	n := 1
	for _, d := range shape {
		if d != 0 && n > maxValues/d {
			return Array{}, fmt.Errorf("npy: shape %v is larger than %d values", shape, maxValues)
		}
		n *= d
	}
	size := map[string]int{"<f4": 4, "|u1": 1}[descr]
	if size == 0 {
		return Array{}, fmt.Errorf("npy: type %q is neither <f4 nor |u1", descr)
	}
	var raw bytes.Buffer
	if got, err := io.CopyN(&raw, r, int64(n*size)); err != nil {
		return Array{}, fmt.Errorf("npy: %d of %d bytes of data: %w", got, n*size, err)
	}
	if size == 1 {
		return Array{Shape: shape, Uint8: raw.Bytes()}, nil
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw.Bytes()[4*i:]))
	}
	return Array{Shape: shape, Float32: values}, nil
}

var (
	descrField = regexp.MustCompile(`'descr':\s*'([^']+)'`)
	orderField = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	shapeField = regexp.MustCompile(`'shape':\s*\(([^)]*)\)`)
)

func readHeader(r io.Reader) (descr string, shape []int, err error) {
	var fixed [8]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return "", nil, fmt.Errorf("npy: read magic: %w", err)
	}
	if string(fixed[:6]) != magic {
		return "", nil, fmt.Errorf("npy: no NumPy file: begins with % x", fixed[:6])
	}
	width := 2
	if fixed[6] > 1 {
		width = 4
	}
	var length [4]byte
	if _, err := io.ReadFull(r, length[:width]); err != nil {
		return "", nil, fmt.Errorf("npy: read header length: %w", err)
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n > 1<<16 {
		return "", nil, fmt.Errorf("npy: a header of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", nil, fmt.Errorf("npy: read header: %w", err)
	}
	d, o, s := descrField.FindSubmatch(text), orderField.FindSubmatch(text), shapeField.FindSubmatch(text)
	if d == nil || o == nil || s == nil {
		return "", nil, fmt.Errorf("npy: header %q lacks descr, fortran_order or shape", text)
	}
	if string(o[1]) == "True" {
		return "", nil, fmt.Errorf("npy: array in Fortran order")
	}
	for field := range strings.SplitSeq(string(s[1]), ",") {
		field = strings.TrimSpace(field)
		if field == "" {
			continue
		}
		v, err := strconv.Atoi(field)
		if err != nil || v < 0 {
			return "", nil, fmt.Errorf("npy: shape (%s)", s[1])
		}
		shape = append(shape, v)
	}
	return string(d[1]), shape, nil
}

// WriteFloat32 writes data, in C order, as an array of the given shape.
func WriteFloat32(w io.Writer, shape []int, data []float32) error {
	n := 1
	dims := make([]string, len(shape))
	for i, d := range shape {
		n *= d
		dims[i] = strconv.Itoa(d)
	}
	if n != len(data) {
		return fmt.Errorf("npy: %d values do not fill shape %v", len(data), shape)
	}
	tuple := strings.Join(dims, ", ")
	if len(shape) == 1 {
		tuple += ","
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", tuple)
	// NumPy pads the header so that the data begins at a multiple of 64 bytes.
	pad := 64 - (len(magic)+4+len(header)+1)%64
	header += strings.Repeat(" ", pad%64) + "\n"

	b := bufio.NewWriter(w)
	b.WriteString(magic + "\x01\x00")
	var four [4]byte
	binary.LittleEndian.PutUint16(four[:], uint16(len(header)))
	b.Write(four[:2])
	b.WriteString(header)
	for _, v := range data {
		binary.LittleEndian.PutUint32(four[:], math.Float32bits(v))
		b.Write(four[:])
	}
	return b.Flush()
}

// ReadArchive reads every array of an .npz file, by name without the .npy ending.
func ReadArchive(path string) (map[string]Array, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("npy: open archive %s: %w", path, err)
	}
	defer z.Close()
	arrays := make(map[string]Array, len(z.File))
	for _, f := range z.File {
		a, err := readEntry(f)
		if err != nil {
			return nil, fmt.Errorf("%s, entry %s: %w", path, f.Name, err)
		}
		arrays[strings.TrimSuffix(f.Name, ".npy")] = a
	}
	return arrays, nil
}

func readEntry(f *zip.File) (Array, error) {
	r, err := f.Open()
	if err != nil {
		return Array{}, err
	}
	defer r.Close()
	return Read(r)
}
