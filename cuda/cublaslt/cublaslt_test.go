//go:build cuda

package cublaslt

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"vbge/cuda"
)

func TestOpen(t *testing.T) {
	l := openLibrary(t)
	if l.Version()/10000 != 13 || !strings.Contains(l.Path(), "cublasLt") {
		t.Errorf("opened %s, version %d", l.Path(), l.Version())
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "libcublasLt.so.13")
	must(t, os.WriteFile(broken, []byte("no library"), 0o600))
	for _, c := range []struct{ path, reason string }{
		{"/nowhere/libcublasLt.so.13", "/nowhere/libcublasLt.so.13"},
		{broken, "file too short"},
		{"libm.so.6", "no cublasLtGetVersion"},
	} {
		t.Setenv("VBGE_CUBLASLT", c.path)
		_, err := Open()
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), c.reason) ||
			!strings.Contains(err.Error(), "pip install nvidia-cublas") {
			t.Errorf("%s: %v", c.path, err)
		}
	}
}

// Beside a Python environment, where pip puts it; the file is found, and refused for what it is.
func TestOpenLooksBesidePython(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, "lib/python3.11/site-packages/nvidia/cu13/lib")
	must(t, os.MkdirAll(folder, 0o750))
	must(t, os.WriteFile(filepath.Join(folder, name), []byte("no library"), 0o600))
	t.Setenv("VIRTUAL_ENV", root)
	if found := installed(); len(found) == 0 || found[0] != filepath.Join(folder, name) {
		t.Errorf("found %v", found)
	}
	t.Setenv("VBGE_CUBLASLT", "")
	if _, err := Open(); err != nil && (!errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), folder) ||
		strings.Contains(err.Error(), "\n")) {
		t.Errorf("%v does not say what became of %s, in one line", err, folder)
	}
}

func TestHandleNeedsContext(t *testing.T) {
	l := openBench(t).handle.library
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // another thread, on which nothing is current
		_, err := l.NewHandle()
		done <- err
	}()
	var refused *Error
	if err := <-done; !errors.As(err, &refused) || refused.Status != 1 {
		t.Errorf("without a context: %v", err)
	}
}

func TestPlansAreKept(t *testing.T) {
	b := openBench(t)
	p := Product{Rows: 4, Out: 8, In: 16, XStride: 16, WeightStride: 16, YStride: 8, Type: cuda.Float16}
	first, err := b.handle.Plan(p, 0)
	must(t, err)
	again, err := b.handle.Plan(p, 0)
	must(t, err)
	other := p
	other.Bias = true
	with, err := b.handle.Plan(other, 0)
	must(t, err)
	if first != again || first == with {
		t.Error("the plan of a product is not the product's plan")
	}
	if first.Workspace() != 0 {
		t.Errorf("a plan without workspace takes %d bytes", first.Workspace())
	}
	before := livePlans()
	m, o := b.upload5(form{p: p, skew: 1}, 1)
	for range 3 { // less aligned than the plan assumes: one more, once
		must(t, b.handle.Run(b.stream, first, o))
	}
	b.check(form{p: p}, m)
	if made := livePlans() - before; made != 1 {
		t.Errorf("%d plans more for one alignment", made)
	}
}

func TestAlignments(t *testing.T) {
	p := Product{Rows: 3, Out: 10, In: 24, XStride: 24, WeightStride: 24, ResidualStride: 10, YStride: 11, Type: cuda.BFloat16,
		Bias: true, Residual: true}
	at := Operands{X: 4096, Weight: 4096 + 8, Bias: 4096 + 2, Residual: 4096, Y: 4096}
	if got, want := p.alignments(at), (alignments{x: 16, weight: 8, bias: 2, residual: 4, y: 2}); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
	p.Rows = 1
	if got, want := p.alignments(at), (alignments{x: 16, weight: 8, bias: 2, residual: 16, y: 16}); got != want {
		t.Errorf("one row: %+v, not %+v", got, want)
	}
}

func TestRefusedProducts(t *testing.T) {
	b := openBench(t)
	good := Product{Rows: 2, Out: 3, In: 4, XStride: 4, WeightStride: 4, ResidualStride: 3, YStride: 3}
	for name, change := range map[string]func(*Product){
		"no rows":               func(p *Product) { p.Rows = 0 },
		"no outputs":            func(p *Product) { p.Out = -1 },
		"x's rows overlap":      func(p *Product) { p.XStride = 3 },
		"weight's rows overlap": func(p *Product) { p.WeightStride = 3 },
		"y's rows overlap":      func(p *Product) { p.YStride = 2 },
		"residual's rows":       func(p *Product) { p.Residual, p.ResidualStride = true, 2 },
	} {
		p := good
		change(&p)
		if _, err := b.handle.Plan(p, 0); !errors.Is(err, ErrProduct) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusedOperands(t *testing.T) {
	b := openBench(t)
	p := Product{Rows: 2, Out: 3, In: 4, XStride: 4, WeightStride: 4, ResidualStride: 5, YStride: 3, Bias: true, Residual: true}
	plan, err := b.handle.Plan(p, 1<<20)
	must(t, err)
	_, good := b.upload5(form{p: p}, 1)
	good.Workspace = b.allocate(1 << 20)
	for name, change := range map[string]func(*Operands){
		"no x":                   func(o *Operands) { o.X = 0 },
		"no weight":              func(o *Operands) { o.Weight = 0 },
		"no bias":                func(o *Operands) { o.Bias = 0 },
		"no residual":            func(o *Operands) { o.Residual = 0 },
		"no y":                   func(o *Operands) { o.Y = 0 },
		"in place, other stride": func(o *Operands) { o.Residual = o.Y },
		"workspace not aligned":  func(o *Operands) { o.Workspace.Pointer += 16 },
	} {
		o := good
		change(&o)
		if err := b.handle.Run(b.stream, plan, o); !errors.Is(err, ErrProduct) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, b.handle.Run(b.stream, plan, good))
}

// Some shape takes workspace; one that is too small is refused, and with none another algorithm is found.
func TestWorkspace(t *testing.T) {
	b := openBench(t)
	for _, in := range []int{64, 1024, 4096} {
		p := Product{Rows: 2, Out: 64, In: in, XStride: in, WeightStride: in, YStride: 64, Type: cuda.BFloat16}
		plan, err := b.handle.Plan(p, 8<<20)
		must(t, err)
		if plan.Workspace() == 0 {
			continue
		}
		m, o := b.upload5(form{p: p}, 1)
		o.Workspace = b.allocate(plan.Workspace() - 1)
		if err := b.handle.Run(b.stream, plan, o); !errors.Is(err, ErrProduct) {
			t.Errorf("%d bytes of workspace for %d: %v", o.Workspace.Bytes, plan.Workspace(), err)
		}
		o.Workspace = cuda.Memory{}
		small, err := b.handle.Plan(p, 0)
		must(t, err)
		must(t, b.handle.Run(b.stream, small, o))
		b.check(form{p: p}, m)
		o.Workspace = b.allocate(plan.Workspace())
		must(t, b.stream.Fill(o.Y, 0xff, int64(p.Rows*p.Out*2)))
		must(t, b.handle.Run(b.stream, plan, o))
		b.check(form{p: p}, m)
		return
	}
	t.Skip("no shape took workspace")
}

func TestErrorsAdvise(t *testing.T) {
	for status, want := range map[int]string{1: "driver for CUDA 13", 3: "fewer tokens", 15: "workspace"} {
		got := (&Error{Status: status, Text: "cublasLtMatmul: no"}).Error()
		if !strings.HasPrefix(got, "cublasLtMatmul: no: ") || !strings.Contains(got, want) {
			t.Errorf("status %d reads %q", status, got)
		}
	}
}
