package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"vbge/weights/tensor"
)

func source(name string, d tensor.DType, data string, shape ...int) tensor.Source {
	return tensor.Source{Name: name, DType: d, Shape: shape, Data: func(w io.Writer) error {
		_, err := io.WriteString(w, data)
		return err
	}}
}

func file(header string, data string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+data...)
}

func TestWriteParses(t *testing.T) {
	sources := []tensor.Source{
		source("odd.half", tensor.F16, strings.Repeat("h", 6), 3),
		source("even", tensor.F32, strings.Repeat("e", 128), 4, 8),
		source("odd.float", tensor.F32, strings.Repeat("f", 12), 3),
		source("scalar", tensor.F32, "ssss"),
		source("none", tensor.F32, "", 0, 4),
	}
	var b bytes.Buffer
	if err := Write(&b, map[string]string{"sha256": "abc"}, sources); err != nil {
		t.Fatal(err)
	}
	h, err := Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if h.Metadata["sha256"] != "abc" || len(h.Tensors) != len(sources) || h.DataOffset%Alignment != 0 {
		t.Errorf("read back %+v", h)
	}
	for _, s := range sources {
		e := h.Tensors[s.Name]
		var want bytes.Buffer
		if err := s.Data(&want); err != nil {
			t.Fatal(err)
		}
		got := b.Bytes()[h.DataOffset+e.Begin : h.DataOffset+e.End]
		if e.DType != s.DType || !slices.Equal(e.Shape, s.Shape) || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s: read back %+v with data %q", s.Name, e, got)
		}
		if e.Begin%s.DType.Size() != 0 {
			t.Errorf("%s: begins at byte %d, not aligned to its elements", s.Name, e.Begin)
		}
	}
	if e := h.Tensors["even"]; e.Begin%Alignment != 0 {
		t.Errorf("even: begins at byte %d", e.Begin)
	}
}

func TestWriteRefuses(t *testing.T) {
	f := func(why string, sources ...tensor.Source) {
		t.Helper()
		if err := Write(io.Discard, nil, sources); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("error %v, want one about %q", err, why)
		}
	}
	f("given 3 bytes", source("short", tensor.F32, "abc", 1))
	f("used twice", source("a", tensor.U8, "x", 1), source("a", tensor.U8, "x", 1))
	f("reserved", source(metadataKey, tensor.U8, "x", 1))
	f("unknown type", source("a", "F8", "x", 1))
	f("negative", source("a", tensor.U8, "x", -1))
}

func TestParseRefuses(t *testing.T) {
	f := func(why string, content []byte) {
		t.Helper()
		if _, err := Parse(content); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.60q: error %v, want one about %q", content, err, why)
		}
	}
	f("too short", nil)
	f("truncated", []byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"))
	f("truncated", file("{}", "")[:9])
	f("byte 9 of the file: [ where { is expected", file("[]", ""))
	f("byte 11 of the file: more than one", file("{}{}", ""))
	f("unexpected EOF", file(`{"a":{"dtype":"U8","shape":[1`, ""))
	f(`byte 64 of the file: "a" stands twice`, file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x"))
	f("is no UTF-8", file("{\"\xff\":{}}", ""))
	f("is no UTF-8", file(`{"\ud800":{}}`, ""))
	f("name of 1025 bytes", file(`{"`+strings.Repeat("n", 1025)+`":{}}`, ""))
	f("unknown type", file(`{"a":{"dtype":"F7","shape":[1],"data_offsets":[0,1]}}`, "x"))
	f("do not hold", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1]}}`, "x"))
	f("do not hold", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}`, "x"))
	f("do not hold", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, "x"))
	f("negative", file(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, "x"))
	f("too many", file(`{"a":{"dtype":"U8","shape":[1048576,1048576,1048576],"data_offsets":[0,1]}}`, "x"))
	f("shape: more than 8 numbers", file(`{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}`, "x"))
	f("value out of range", file(`{"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}}`, "x"))
	f("invalid syntax", file(`{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}`, "x"))
	f("a string where a number is expected", file(`{"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}}`, "x"))
	f("true, false or null where a bracket", file(`{"a":{"dtype":"U8","shape":null,"data_offsets":[0,1]}}`, "x"))
	f("a bracket where a number", file(`{"a":{"dtype":"U8","shape":`+strings.Repeat("[", 1<<20), ""))
	f("more than 2 numbers", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}`, "x"))
	f("lacks", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}`, "x"))
	f("lacks", file(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, "x"))
	f(`"dtype" stands twice`, file(`{"a":{"dtype":"F32","dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x"))
	f(`a field "Shape"`, file(`{"a":{"dtype":"U8","Shape":[1],"data_offsets":[0,1]}}`, "x"))
	f("is truncated", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "x"))
	f("overlap", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, "xxx"))
	f("hole", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "xx"))
	f("tensors hold 1", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "xx"))
	f(metadataKey+`, "a": a number`, file(`{"__metadata__":{"a":1}}`, ""))
	f(metadataKey, file(`{"__metadata__":{"a":"b"},"__metadata__":{}}`, ""))

	var many strings.Builder
	for i := range maxMembers + 1 {
		fmt.Fprintf(&many, `,"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, i)
	}
	f("more than 16384 names", file("{"+many.String()[1:]+"}", ""))
}

func FuzzParse(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, map[string]string{"a": "b"}, []tensor.Source{source("x", tensor.F32, "12345678", 2, 1)}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(file(`{"\u0061":{"dtype":"F8_E4M3","shape":[],"data_offsets":[0,1]},"b":{"shape":[9,0],"dtype":"I64","data_offsets":[1,1]}}`, "x"))
	f.Add(file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, "xxx"))
	f.Fuzz(func(t *testing.T, content []byte) {
		h, err := Parse(content)
		if err != nil {
			return
		}
		covered := 0
		for name, e := range h.Tensors {
			data := content[h.DataOffset:][e.Begin:e.End] // must not panic
			covered += len(data)
			if n, err := tensor.Count(e.Shape); err != nil || n*e.DType.Size() != len(data) {
				t.Fatalf("%q: %d bytes for shape %v of %s", name, len(data), e.Shape, e.DType)
			}
		}
		if covered != len(content)-h.DataOffset {
			t.Fatalf("tensors cover %d of %d bytes", covered, len(content)-h.DataOffset)
		}
	})
}
