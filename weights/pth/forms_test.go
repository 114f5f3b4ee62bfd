package pth

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/weights/tensor"
)

// form is a tensor as torch.load reads it: testdata/make_forms.py.
type form struct {
	Name, Data string
	DType      tensor.DType
	Shape      []int
}

func forms(t *testing.T) map[string][]form {
	t.Helper()
	text, err := os.ReadFile("testdata/forms.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]form
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestForms reads what torch 2.15 wrote of one state_dict in both containers and all pickle
// protocols: parameters, views, every element type, and values that are no tensors.
func TestForms(t *testing.T) {
	want := forms(t)
	f := func(path string, want []form) {
		t.Helper()
		c, err := Open(path)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		if err := c.Verify(t.Context(), c.Tensors()); err != nil {
			t.Error(err)
		}
		if len(c.Tensors()) != len(want) {
			t.Fatalf("%s: %d tensors, want %d", path, len(c.Tensors()), len(want))
		}
		for i, x := range c.Tensors() {
			w := want[i]
			if x.Name != w.Name || x.DType != w.DType || !slices.Equal(x.Shape, w.Shape) {
				t.Errorf("%s: %s of %s %v, want %s of %s %v", path, x.Name, x.DType, x.Shape, w.Name, w.DType, w.Shape)
			} else if got := hex.EncodeToString([]byte(copied(t, c, x))); got != w.Data {
				t.Errorf("%s: %s is %s, want %s", path, x.Name, got, w.Data)
			}
		}
	}
	paths, err := filepath.Glob("testdata/forms/*.pth")
	if err != nil || len(paths) != 8 {
		t.Fatalf("%d files (%v), want 2 containers of 4 protocols", len(paths), err)
	}
	for _, path := range paths {
		f(path, want["forms"])
	}
	f("testdata/old_views.pth", want["old_views"])
}

// TestOthers names what stands beside the tensors.
func TestOthers(t *testing.T) {
	c, err := Open("testdata/forms/zip_protocol2.pth")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := "epoch rate big none yes size device dtype set frozen bytes array complex counter list nested storage"
	if got := strings.Join(c.Others(), " "); got != want {
		t.Errorf("others are %q, want %q", got, want)
	}
}

// TestContainersAgree holds the golden legacy stream against the zip of the same tensors.
func TestContainersAgree(t *testing.T) {
	legacy, err := Open(golden + "micro_legacy.pth")
	if err != nil {
		t.Fatal(err)
	}
	defer legacy.Close()
	zipped, err := Open(golden + "micro_fp16.pth")
	if err != nil {
		t.Fatal(err)
	}
	defer zipped.Close()
	if len(legacy.Tensors()) != len(zipped.Tensors()) {
		t.Fatalf("%d tensors and %d", len(legacy.Tensors()), len(zipped.Tensors()))
	}
	for i, a := range legacy.Tensors() {
		b := zipped.Tensors()[i]
		if a.Name != b.Name || a.DType != b.DType || !slices.Equal(a.Shape, b.Shape) || copied(t, legacy, a) != copied(t, zipped, b) {
			t.Errorf("tensor %d: %s of the legacy stream is not %s of the zip", i, a.Name, b.Name)
		}
	}
}

// TestRefusedForms opens what torch 2.15 wrote of values that are no dense tensors.
func TestRefusedForms(t *testing.T) {
	f := func(name, why string) {
		t.Helper()
		_, err := Open("testdata/refused/" + name + ".pth")
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "byte ") {
			t.Errorf("%s: error %v, want one about %q", name, err, why)
		}
	}
	f("sparse", "a sparse tensor")
	f("sparse_csr", "a sparse tensor")
	f("quantised", "a quantised tensor")
	f("meta", "no values")
	f("nested", "a nested tensor")
	f("uint16", "a tensor of unsigned words")
	f("float8", "8-bit floats")
	f("complex", "complex numbers")
	f("negated", "negated")
	f("numpy", `"numpy._core.multiarray._reconstruct"`)
	f("subclass", `"__main__.Subclass"`)
	f("module", "a whole module")
}
