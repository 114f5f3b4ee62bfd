package npy

import (
	"bytes"
	"slices"
	"testing"
)

func TestReadArchiveGolden(t *testing.T) {
	arrays, err := ReadArchive("../../engine/testdata/reference/golden/tiny.npz")
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, shape ...int) {
		t.Helper()
		a, ok := arrays[name]
		if !ok || !slices.Equal(a.Shape, shape) {
			t.Errorf("%s: shape %v, found %t; want %v", name, a.Shape, ok, shape)
		}
	}
	f("image_embeddings", 27, 128)
	f("pixels/rgb.png", 3, 64, 64)
	f("crop224/rgb.png", 224, 224, 3)
}

func TestWriteReads(t *testing.T) {
	for _, shape := range [][]int{{6}, {2, 3}, {1, 2, 3}, {0, 4}} {
		n := 1
		for _, d := range shape {
			n *= d
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(i) - 1.5
		}
		var b bytes.Buffer
		if err := WriteFloat32(&b, shape, data); err != nil {
			t.Fatal(err)
		}
		if (b.Len()-4*n)%64 != 0 {
			t.Errorf("shape %v: data begins at byte %d, no multiple of 64", shape, b.Len()-4*n)
		}
		a, err := Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.Shape, shape) || !slices.Equal(a.Float32, data) {
			t.Errorf("shape %v: read back as %v", shape, a)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	f := func(name, file string) {
		t.Helper()
		if _, err := Read(bytes.NewReader([]byte(file))); err == nil {
			t.Errorf("%s: read without an error", name)
		}
	}
	head := func(h string) string { return "\x93NUMPY\x01\x00" + string(rune(len(h))) + "\x00" + h }
	f("empty", "")
	f("no magic", "PK\x03\x04 and more")
	f("Fortran order", head("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }")+"abcd")
	f("float64", head("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }")+"abcdefgh")
	f("short", head("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }")+"abcd")
	f("huge", head("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,99999999), }"))
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := WriteFloat32(&b, []int{2, 2}, []float32{1, 2, 3, 4}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, file []byte) {
		a, err := Read(bytes.NewReader(file))
		if err != nil {
			return
		}
		n := 1
		for _, d := range a.Shape {
			n *= d
		}
		if n != len(a.Float32)+len(a.Uint8) {
			t.Fatalf("shape %v holds %d values", a.Shape, len(a.Float32)+len(a.Uint8))
		}
	})
}
