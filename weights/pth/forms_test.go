package pth

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
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
	var all map[string][]form
	if err := json.Unmarshal(readFile(t, "testdata/forms.json"), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// read returns a file's tensors, of the storages that its sums confirm.
func read(t *testing.T, path string) ([]form, error) {
	t.Helper()
	c, err := openBytes(readFile(t, path))
	if err != nil {
		return nil, err
	}
	if err := c.Verify(t.Context(), c.Tensors()); err != nil {
		return nil, err
	}
	all := make([]form, len(c.Tensors()))
	for i, x := range c.Tensors() {
		all[i] = form{x.Name, hex.EncodeToString([]byte(copied(t, c, x))), x.DType, x.Shape}
	}
	return all, nil
}

// difference describes the first, if any.
func difference(got, want []form) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d tensors, want %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if g.Name != w.Name || g.DType != w.DType || !slices.Equal(g.Shape, w.Shape) || g.Data != w.Data {
			return fmt.Sprintf("tensor %d is %.300v, want %.300v", i, g, w)
		}
	}
	return ""
}

// TestForms reads what torch 2.15 wrote of one state_dict in both containers and all pickle
// protocols: parameters, views, every element type, and values that are no tensors.
func TestForms(t *testing.T) {
	want := forms(t)
	f := func(path string, want []form) {
		t.Helper()
		got, err := read(t, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if d := difference(got, want); d != "" {
			t.Errorf("%s: %s", path, d)
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
	c, err := openBytes(readFile(t, "testdata/forms/zip_protocol2.pth"))
	if err != nil {
		t.Fatal(err)
	}
	want := "epoch rate big none yes size device dtype set frozen bytes array complex counter list nested storage"
	if got := strings.Join(c.Others(), " "); got != want {
		t.Errorf("others are %q, want %q", got, want)
	}
}

// TestRefusedForms opens what torch 2.15 wrote of values that are no dense tensors.
func TestRefusedForms(t *testing.T) {
	f := func(name, why string) {
		t.Helper()
		_, err := openBytes(readFile(t, "testdata/refused/"+name+".pth"))
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "byte ") {
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

// TestDamaged reads what testdata/make_damaged.py wrote: all that is sound as PyTorch reads it,
// and nothing that is damaged otherwise than PyTorch does.
func TestDamaged(t *testing.T) {
	folder := os.Getenv("VBGE_CHECKPOINTS")
	if folder == "" {
		t.Skip("VBGE_CHECKPOINTS names no folder that testdata/make_damaged.py wrote")
	}
	paths, err := filepath.Glob(folder + "/*.pth")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s holds no checkpoints (%v)", folder, err)
	}
	var sound, same, refused, stricter, laxer int
	for _, path := range paths {
		var torch struct {
			Tensors []form
			Refused string
		}
		if err := json.Unmarshal(readFile(t, strings.TrimSuffix(path, ".pth")+".json"), &torch); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		got, err := read(t, path)
		ok := strings.HasPrefix(filepath.Base(path), "sound")
		switch {
		case ok && err != nil:
			t.Errorf("%s: %v", path, err)
		case err != nil && torch.Refused != "":
			refused++
		case err != nil:
			stricter++
		case ok && torch.Refused != "":
			t.Errorf("%s: PyTorch says %s", path, torch.Refused)
		case torch.Refused != "":
			laxer++
		default:
			if d := difference(got, torch.Tensors); d != "" {
				t.Errorf("%s: %s", path, d)
			} else if same++; ok {
				sound++
			}
		}
	}
	t.Logf("%d files: %d sound and %d damaged read the same, %d refused by both, %d here alone, %d by PyTorch alone",
		len(paths), sound, same-sound, refused, stricter, laxer)
}
