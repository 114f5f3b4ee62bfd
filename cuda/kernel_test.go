//go:build cuda

package cuda

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

func TestLaunch(t *testing.T) {
	d := openDevice(t)
	s := newStream(t, d)
	k := loadKernel(t, d, "add")
	for _, n := range []int{1, 31, 128, 129, 1000} {
		x, y := allocate(t, d, int64(4*n)), allocate(t, d, int64(4*n+4))
		must(t, s.CopyIn(x.Pointer, counting(n)))
		must(t, s.Fill(y.Pointer, 0, y.Bytes))
		must(t, k.Launch(s, Grid{X: (n + 127) / 128, Threads: 128}, Address(y.Pointer), Address(x.Pointer), Float(-0.5), Int(n)))
		for i, v := range readFloats(t, s, y.Pointer, n+1) {
			want := float32(i) - 0.5
			if i == n {
				want = 0 // past the end
			}
			if v != want {
				t.Fatalf("value %d of %d is %v, not %v", i, n, v, want)
			}
		}
	}
	y := allocate(t, d, 4)
	must(t, s.Fill(y.Pointer, 0, 4))
	must(t, k.Launch(s, Grid{X: 1, Threads: 32}, Address(y.Pointer), Address(y.Pointer), Float(1), Int(-5)))
	if v := readFloats(t, s, y.Pointer, 1); v[0] != 0 {
		t.Errorf("with n = -5 the kernel wrote %v", v[0])
	}
}

func TestGrid(t *testing.T) {
	d := openDevice(t)
	s := newStream(t, d)
	k := loadKernel(t, d, "blocks")
	for _, g := range []Grid{{X: 5}, {X: 2, Y: 3}, {X: 2, Y: 3, Z: 4}} {
		g.Threads = 1
		rows, planes := max(g.Y, 1), max(g.Z, 1)
		n := g.X * rows * planes
		y := allocate(t, d, int64(4*n))
		must(t, k.Launch(s, g, Address(y.Pointer)))
		got := make([]byte, 4*n)
		must(t, s.CopyOut(got, y.Pointer))
		for i := range n {
			want := i%g.X + 100*(i/g.X%rows) + 10000*(i/g.X/rows)
			if v := int(binary.LittleEndian.Uint32(got[4*i:])); v != want {
				t.Errorf("%+v: block %d is %d, not %d", g, i, v, want)
			}
		}
	}
}

func TestSharedMemory(t *testing.T) {
	d := openDevice(t)
	s := newStream(t, d)
	k := loadKernel(t, d, "reverse")
	x, y := allocate(t, d, 4*256), allocate(t, d, 4*256)
	must(t, s.CopyIn(x.Pointer, counting(256)))
	most := d.Properties().SharedPerBlock
	launch := func(shared int) error {
		unused := shared/4 - 128
		return k.Launch(s, Grid{X: 2, Threads: 128, Shared: shared}, Address(y.Pointer), Address(x.Pointer), Int(unused))
	}
	must(t, launch(48<<10))
	if err := launch(most); err == nil || errors.Is(err, ErrLost) {
		t.Errorf("%d bytes without AllowShared: %v", most, err)
	}
	must(t, k.AllowShared(most))
	must(t, s.Fill(y.Pointer, 0, y.Bytes))
	must(t, launch(most))
	for i, v := range readFloats(t, s, y.Pointer, 256) {
		if want := float32(i/128*128 + 127 - i%128); v != want {
			t.Fatalf("value %d is %v, not %v", i, v, want)
		}
	}
	if err := k.AllowShared(most + 1024); err == nil || !strings.Contains(err.Error(), "reverse") {
		t.Errorf("more than a block has: %v", err)
	}
	if err := launch(most + 1024); err == nil || errors.Is(err, ErrLost) {
		t.Errorf("launch with more than a block has: %v", err)
	}
	must(t, s.Synchronize())
}

func TestResources(t *testing.T) {
	d := openDevice(t)
	k := loadKernel(t, d, "reverse")
	registers, shared, local, threads := k.Resources()
	if registers < 1 || registers > 255 || shared != 0 || local != 0 || threads != 128 {
		t.Errorf("%d registers, %d bytes shared, %d bytes local, %d threads", registers, shared, local, threads)
	}
	must(t, k.AllowShared(d.Properties().SharedPerBlock))
	few, err := k.BlocksPerMultiprocessor(128, d.Properties().SharedPerBlock)
	must(t, err)
	many, err := k.BlocksPerMultiprocessor(128, 0)
	must(t, err)
	if few != 1 || many <= few || many > d.Properties().ThreadsPerMultiprocessor/128 {
		t.Errorf("%d blocks with all shared memory, %d with none", few, many)
	}
}

func TestRefusedLaunches(t *testing.T) {
	d := openDevice(t)
	s := newStream(t, d)
	k := loadKernel(t, d, "add")
	m := allocate(t, d, 4)
	must(t, s.Fill(m.Pointer, 0, 4))
	good := []Argument{Address(m.Pointer), Address(m.Pointer), Float(1), Int(1)}
	for name, err := range map[string]error{
		"more threads than the kernel's bounds": k.Launch(s, Grid{X: 1, Threads: 256}, good...),
		"no threads":                            k.Launch(s, Grid{X: 1}, good...),
		"no blocks":                             k.Launch(s, Grid{Threads: 32}, good...),
		"too many blocks":                       k.Launch(s, Grid{X: 1, Y: 1 << 16, Threads: 32}, good...),
		"an argument less":                      k.Launch(s, Grid{X: 1, Threads: 32}, good[:3]...),
		"an argument more":                      k.Launch(s, Grid{X: 1, Threads: 32}, append(good, Int(0))...),
		"too many arguments":                    k.Launch(s, Grid{X: 1, Threads: 32}, make([]Argument, 33)...),
	} {
		if err == nil || errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "launch kernel add") {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, k.Launch(s, Grid{X: 1, Threads: 32}, good...))
	if v := readFloats(t, s, m.Pointer, 1); v[0] != 1 {
		t.Errorf("0 + 1 is %v", v[0])
	}
}

func TestModules(t *testing.T) {
	d := openDevice(t)
	image := testKernels(t)
	for _, c := range []struct {
		name  string
		image []byte
		want  string
	}{
		{"nothing", nil, "no compiled code"},
		{"no code", []byte("this is not compiled code"), "cuModuleLoadData"},
		{"half", image[:len(image)/2], "cut off"},
		{"all but a byte", image[:len(image)-1], "cut off"},
	} {
		m, err := d.LoadModule(c.image)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "device 0") {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil {
			must(t, m.Close())
		}
	}
	m, err := d.LoadModule(image)
	must(t, err)
	var driver *Error
	if _, err := m.Kernel("subtract"); !errors.As(err, &driver) || driver.Code != 500 || !strings.Contains(err.Error(), "subtract") {
		t.Errorf("a kernel that is not there: %v", err)
	}
	must(t, m.Close())
}
