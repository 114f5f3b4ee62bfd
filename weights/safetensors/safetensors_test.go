package safetensors

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"vbge/weights/tensor"
)

func source(name string, d tensor.DType, data string, shape ...int) Source {
	return Source{Name: name, DType: d, Shape: shape, Data: func(w io.Writer) error {
		_, err := io.WriteString(w, data)
		return err
	}}
}

func file(header string, data string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+data...)
}

func TestWriteParses(t *testing.T) {
	sources := []Source{
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
	f := func(why string, sources ...Source) {
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
	f("no JSON object", file("[]", ""))
	f("more than one", file("{}{}", ""))
	f("stands twice", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x"))
	f("unknown type", file(`{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}`, "x"))
	f("do not hold", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1]}}`, "x"))
	f("do not hold", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}`, "x"))
	f("negative", file(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, "x"))
	f("too many", file(`{"a":{"dtype":"U8","shape":[1048576,1048576,1048576],"data_offsets":[0,1]}}`, "x"))
	f("is truncated", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "x"))
	f("overlap", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, "xxx"))
	f("hole", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "xx"))
	f("tensors hold 1", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "xx"))
	f(metadataKey, file(`{"__metadata__":{"a":1}}`, ""))
}

func FuzzParse(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, map[string]string{"a": "b"}, []Source{source("x", tensor.F32, "12345678", 2, 1)}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
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
