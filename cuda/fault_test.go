//go:build cuda

package cuda

import (
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
)

func TestFaultyAllocation(t *testing.T) {
	d := openFaulty(t, "oom@2")
	allocate(t, d, 16)
	if _, err := d.Allocate(16); !errors.Is(err, ErrOutOfMemory) {
		t.Errorf("the second allocation: %v", err)
	}
	allocate(t, d, 16)
	if device, _ := d.LiveBytes(); device != 32 {
		t.Errorf("%d bytes are live, not 32", device)
	}
}

// Whatever breaks a kernel is found where its stream or an event after it is asked, and everything afterwards says that the
// context is lost.
func TestBrokenKernels(t *testing.T) {
	for _, c := range []struct {
		name, fault string
		bad         Pointer // added to the address that the kernel writes to
		want        string
	}{
		{"a launch that fails", "launch@2", 0, "CUDA_ERROR_LAUNCH_FAILED"},
		{"an address that is nobody's", "", 1 << 40, "CUDA_ERROR_ILLEGAL_ADDRESS"},
		{"an address past the end", "", 4, "CUDA_ERROR_ILLEGAL_ADDRESS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openFaulty(t, c.fault)
			s := newStream(t, d)
			k := loadKernel(t, d, "add")
			m := allocate(t, d, 4)
			e := newEvent(t, d, false)
			launch := func(bad Pointer) error {
				return k.Launch(s, Grid{X: 1, Threads: 32}, Address(m.Pointer+bad), Address(m.Pointer), Float(1), Int(1))
			}
			must(t, launch(0))
			must(t, s.Synchronize())
			err := launch(c.bad)
			if err == nil {
				err = s.Record(e)
			}
			for range 1000 {
				if err == nil {
					_, err = e.Done()
				}
			}
			if !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("the kernel ended with: %v", err)
			}
			for name, err := range map[string]error{
				"synchronise": s.Synchronize(), "launch": launch(0), "copy": s.CopyIn(m.Pointer, floats(1)),
				"allocate": second(d.Allocate(4)), "pin": second(d.AllocateHost(4)),
			} {
				if !errors.Is(err, ErrLost) {
					t.Errorf("%s afterwards: %v", name, err)
				}
			}
		})
	}
}

// A kernel that never ends holds up its stream and what waits for that. Releasing memory would, so the context is closed as it is.
func TestHungKernel(t *testing.T) {
	needEmulator(t)
	t.Setenv("VBGE_EMULATED_FAULT", "hang@1")
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	d, err := Open(0)
	must(t, err)
	s, err := d.NewStream()
	must(t, err)
	other, err := d.NewStream()
	must(t, err)
	k := loadKernel(t, d, "add")
	m, err := d.Allocate(4)
	must(t, err)
	e, otherEvent := newEvent(t, d, false), newEvent(t, d, false)
	must(t, k.Launch(s, Grid{X: 1, Threads: 32}, Address(m.Pointer), Address(m.Pointer), Float(1), Int(1)))
	must(t, s.Record(e))
	if await(t, e, 50) {
		t.Error("the kernel ended")
	}
	must(t, other.Record(otherEvent))
	if !await(t, otherEvent, 50) {
		t.Error("the other stream hangs too")
	}
	if err := d.Close(); err == nil || !strings.Contains(err.Error(), "4 bytes on it") {
		t.Errorf("closed with: %v", err)
	}
}

func TestLostDevice(t *testing.T) {
	for _, fault := range []string{"lost@1", "lost@3", "lost@4"} {
		t.Run(fault, func(t *testing.T) {
			d := openFaulty(t, fault)
			m, first := d.Allocate(4)
			s, err := d.NewStream()
			var copied error
			for range 3 {
				if err == nil {
					copied = s.CopyIn(m.Pointer, floats(1))
				}
			}
			if last := errors.Join(first, err, copied); !errors.Is(last, ErrLost) {
				t.Errorf("no call says that the device is lost: %v", last)
			}
			if err := d.Release(m); first == nil && !errors.Is(err, ErrLost) {
				t.Errorf("release: %v", err)
			}
			if device, host := d.LiveBytes(); device != 0 || host != 0 {
				t.Errorf("%d bytes on the device and %d pinned ones still count", device, host)
			}
		})
	}
}

func TestNaNIsSeen(t *testing.T) {
	d := openFaulty(t, "nan@2")
	s := newStream(t, d)
	k := loadKernel(t, d, "add")
	const n = 64
	m := allocate(t, d, 4*n)
	must(t, s.CopyIn(m.Pointer, counting(n)))
	for range 2 {
		must(t, k.Launch(s, Grid{X: 1, Threads: 64}, Address(m.Pointer), Address(m.Pointer), Float(1), Int(n)))
	}
	nans := 0
	for i, v := range readFloats(t, s, m.Pointer, n) {
		if math.IsNaN(float64(v)) {
			nans++
		} else if v != float32(i+2) {
			t.Errorf("value %d is %v, not %v", i, v, i+2)
		}
	}
	if nans != 1 {
		t.Errorf("%d values are NaN, not 1", nans)
	}
}
