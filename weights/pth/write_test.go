package pth

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"vbge/weights/tensor"
)

func written(name string, d tensor.DType, storage, data string, shape ...int) tensor.Source {
	return tensor.Source{Name: name, DType: d, Shape: shape, Storage: storage, Data: func(w io.Writer) error {
		_, err := io.WriteString(w, data)
		return err
	}}
}

// TestWrite reads what Write writes; weights/testdata/check_export.py has torch read it.
func TestWrite(t *testing.T) {
	sources := []tensor.Source{
		written("z.first", tensor.F32, "", "aaaabbbb", 1, 2),
		written("half", tensor.F16, "rope", "aabbcc", 3),
		written("brain", tensor.BF16, "", strings.Repeat("xy", 300), 2, 3, 50),
		written("scalar", tensor.F32, "", "ssss"),
		written("same half", tensor.F16, "rope", "aabbcc", 3),
		written("none", tensor.F32, "", "", 0, 4),
	}
	var b, again bytes.Buffer
	if err := errors.Join(Write(&b, sources), Write(&again, sources)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("the same tensors give other bytes")
	}
	c, err := openBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(t.Context(), c.Tensors()); err != nil {
		t.Error(err)
	}
	for i, v := range c.Tensors() {
		s := sources[i]
		var want, got bytes.Buffer
		if err := errors.Join(s.Data(&want), c.CopyTo(t.Context(), &got, v)); err != nil {
			t.Fatal(err)
		}
		if v.Name != s.Name || v.DType != s.DType || !slices.Equal(v.Shape, s.Shape) || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s: read back %+v with data %.20q", s.Name, v, got.Bytes())
		}
	}
	if len(c.Tensors()) != len(sources) || !c.Tensors()[1].SameData(c.Tensors()[4]) || c.Tensors()[0].Storage == c.Tensors()[2].Storage {
		t.Errorf("%d tensors of %d, or wrong storages", len(c.Tensors()), len(sources))
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if at, err := f.DataOffset(); err != nil || at%alignment != 0 || f.Flags != 0 || f.Method != zip.Store {
			t.Errorf("entry %s: data at byte %d, flags %#x, method %d (%v)", f.Name, at, f.Flags, f.Method, err)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	f := func(why string, sources ...tensor.Source) {
		t.Helper()
		if err := Write(io.Discard, sources); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("error %v, want one about %q", err, why)
		}
	}
	f("entry data/0 was given 3 bytes, 4 are needed", written("short", tensor.F32, "", "abc", 1))
	f("used twice", written("a", tensor.F32, "", "aaaa", 1), written("a", tensor.F32, "", "aaaa", 1))
	f("no storage", written("a", tensor.F8E4M3, "", "a", 1))
	f("negative", written("a", tensor.F32, "", "", -1))
	f("no room", written("a", tensor.F32, "", "", 1<<20, 1<<10))
	f("cannot share", written("a", tensor.F32, "s", "aaaa", 1), written("b", tensor.F16, "s", "aaaa", 2))
	broken := written("a", tensor.F32, "", "", 1)
	broken.Data = func(io.Writer) error { return io.ErrClosedPipe }
	f("data/0: "+io.ErrClosedPipe.Error(), broken)
}
