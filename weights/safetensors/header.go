package safetensors

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"vbge/weights/tensor"
)

const (
	// maxMembers and maxName bound what an object takes in memory, whatever its text is like.
	maxMembers = 1 << 14
	maxName    = 1 << 10
)

// parser reads a header token by token: nothing in it can nest deeper than the format does.
type parser struct{ *json.Decoder }

// parseHeader reads the JSON text of a header into h. Errors name the tensor and the byte of the file.
func parseHeader(text io.Reader, h *Header) error {
	p := parser{json.NewDecoder(text)}
	p.UseNumber()
	err := p.object(func(name string) error {
		if name == metadataKey {
			return p.metadata(h)
		}
		e, err := p.entry()
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		h.Tensors[name] = e
		return nil
	})
	if err == nil {
		_, err = p.Token()
		switch err {
		case io.EOF:
			return nil
		case nil:
			err = fmt.Errorf("more than one JSON value")
		}
	}
	return fmt.Errorf("header, byte %d of the file: %w", 8+p.InputOffset(), err)
}

// metadata reads the one member of the header that is no tensor: a map of strings.
func (p parser) metadata(h *Header) error {
	h.Metadata = map[string]string{}
	return p.object(func(key string) error {
		value, err := token[string](p)
		if err != nil {
			return fmt.Errorf("%s, %q: %w", metadataKey, key, err)
		}
		h.Metadata[key] = value
		return nil
	})
}

// entry reads one tensor's type, shape and place, each of them once and nothing else.
func (p parser) entry() (Entry, error) {
	var e Entry
	var offsets []int
	fields := 0
	err := p.object(func(key string) (err error) {
		fields++
		switch key {
		case "dtype":
			var name string
			name, err = token[string](p)
			e.DType = tensor.DType(name)
		case "shape":
			e.Shape, err = p.integers(tensor.MaxDims)
		case "data_offsets":
			offsets, err = p.integers(2)
		default:
			return fmt.Errorf("a field %q, which the format does not have", key)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	if err != nil {
		return Entry{}, err
	}
	if fields != 3 || len(offsets) != 2 {
		return Entry{}, fmt.Errorf("it lacks dtype, shape or data_offsets")
	}
	e.Begin, e.End = offsets[0], offsets[1]
	return e, e.check()
}

// check holds the range against type and shape.
func (e Entry) check() error {
	size := e.DType.Size()
	if size == 0 {
		return fmt.Errorf("unknown type %q", e.DType)
	}
	n, err := tensor.Count(e.Shape)
	if err != nil {
		return err
	}
	if e.Begin < 0 || e.End < e.Begin || e.End-e.Begin != n*size {
		return fmt.Errorf("bytes %d to %d of the data do not hold %s of shape %v (%d bytes)", e.Begin, e.End, e.DType, e.Shape, n*size)
	}
	return nil
}

// object reads an object; member gets each name when its value is next. No name may stand twice.
func (p parser) object(member func(name string) error) error {
	if err := p.delimiter('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.More() {
		name, err := token[string](p)
		if err != nil {
			return err
		}
		if len(name) > maxName {
			return fmt.Errorf("a name of %d bytes", len(name))
		}
		if strings.ContainsRune(name, '\uFFFD') { // what encoding/json makes of any fault in UTF-8
			return fmt.Errorf("name %q is no UTF-8", name)
		}
		if seen[name] {
			return fmt.Errorf("%q stands twice", name)
		}
		if len(seen) == maxMembers {
			return fmt.Errorf("more than %d names", maxMembers)
		}
		seen[name] = true
		if err := member(name); err != nil {
			return err
		}
	}
	return p.delimiter('}')
}

// integers reads a list of at most most integers.
func (p parser) integers(most int) ([]int, error) {
	if err := p.delimiter('['); err != nil {
		return nil, err
	}
	list := make([]int, 0, most)
	for p.More() {
		text, err := token[json.Number](p)
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(string(text))
		if err != nil {
			return nil, err
		}
		if len(list) == most {
			return nil, fmt.Errorf("more than %d numbers", most)
		}
		list = append(list, n)
	}
	return list, p.delimiter(']')
}

func (p parser) delimiter(want json.Delim) error {
	found, err := token[json.Delim](p)
	if err == nil && found != want {
		err = fmt.Errorf("%v where %v is expected", found, want)
	}
	return err
}

// token reads a token that has to be a T: a string, a json.Number or a json.Delim.
func token[T any](p parser) (T, error) {
	var want T
	found, err := p.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return want, err
	}
	t, ok := found.(T)
	if !ok {
		err = fmt.Errorf("%s where %s is expected", kind(found), kind(want))
	}
	return t, err
}

func kind(token any) string {
	switch token.(type) {
	case json.Delim:
		return "a bracket"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	}
	return "true, false or null"
}
