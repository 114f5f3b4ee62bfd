//go:build cuda

package cuda

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// compiled is testdata/kernels.cu as a fatbin of the kind that the program embeds: code for some devices, PTX for the others.
var compiled = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "vbge-cuda-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "kernels.fatbin")
	nvcc := exec.Command("../third_party/native/cuda/bin/nvcc", "-O3", "--fatbin", "-Xfatbin", "--compress=false",
		"-gencode", "arch=compute_80,code=[compute_80,sm_80,sm_86,sm_89]", "-gencode", "arch=compute_90,code=sm_90",
		"-gencode", "arch=compute_100,code=sm_100", "-gencode", "arch=compute_120,code=sm_120",
		"testdata/kernels.cu", "-o", file)
	if out, err := nvcc.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(file)
})

// testKernels returns compiled, and skips a test on a real GPU where nvcc is not: a machine that was brought the compiled
// tests and nothing else.
func testKernels(t *testing.T) []byte {
	t.Helper()
	image, err := compiled()
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("VBGE_CUDA_DRIVER") == "" {
		t.Skip("there is no nvcc: ", err)
	}
	must(t, err)
	return image
}

// needDriver skips a test where there is no device, real or emulated. A driver that was asked for has to be there.
func needDriver(t *testing.T) {
	t.Helper()
	_, err := FindDriver()
	if err == nil {
		return
	}
	if os.Getenv("VBGE_CUDA_DRIVER") == "" && (errors.Is(err, ErrNoDriver) || errors.Is(err, ErrNoDevice)) {
		t.Skipf("%v: `. .ci/emulated` for the emulated device", err)
	}
	t.Fatal(err)
}

// needEmulator skips what only the emulated device can show: faults on demand, and work that waits to be waited for.
func needEmulator(t *testing.T) {
	t.Helper()
	needDriver(t)
	if p, err := Describe(0); err != nil {
		t.Fatal(err)
	} else if !strings.Contains(strings.ToLower(p.Name), "emulated") {
		t.Skipf("only on the emulated device, and this is %s", p.Name)
	}
}

// openDevice opens device 0 for one test, on a thread of its own, and sees to it that nothing stays allocated.
func openDevice(t *testing.T) *Device {
	t.Helper()
	needDriver(t)
	runtime.LockOSThread()
	d, err := Open(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer runtime.UnlockOSThread()
		if err := d.Close(); err != nil && !errors.Is(err, ErrLost) {
			t.Errorf("close: %v", err)
		}
		if device, host := d.LiveBytes(); device != 0 || host != 0 {
			t.Errorf("%d bytes on the device and %d pinned bytes are left", device, host)
		}
	})
	return d
}

// openFaulty opens the emulated device 0 with a fault, and with work of streams that nobody waits for not done.
func openFaulty(t *testing.T, fault string) *Device {
	t.Helper()
	needEmulator(t)
	t.Setenv("VBGE_EMULATED_FAULT", fault)
	t.Setenv("VBGE_EMULATED_SEED", "0")
	return openDevice(t)
}

func allocate(t *testing.T, d *Device, bytes int64) Memory {
	t.Helper()
	m, err := d.Allocate(bytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Release(m); err != nil && !errors.Is(err, ErrLost) {
			t.Error(err)
		}
	})
	return m
}

func allocateHostBytes(t *testing.T, d *Device, bytes int) []byte {
	t.Helper()
	m, err := d.AllocateHost(bytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.ReleaseHost(m); err != nil && !errors.Is(err, ErrLost) {
			t.Error(err)
		}
	})
	return m.Bytes
}

func newStream(t *testing.T, d *Device) *Stream {
	t.Helper()
	s, err := d.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func newEvent(t *testing.T, d *Device, timing bool) *Event {
	t.Helper()
	e, err := d.NewEvent(timing)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func loadKernel(t *testing.T, d *Device, name string) Kernel {
	t.Helper()
	m, err := d.LoadModule(testKernels(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil && !errors.Is(err, ErrLost) {
			t.Error(err)
		}
	})
	k, err := m.Kernel(name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// must ends the test at an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await polls an event for at most that many queries, and reports whether it happened.
func await(t *testing.T, e *Event, queries int) bool {
	t.Helper()
	for range queries {
		done, err := e.Done()
		must(t, err)
		if done {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

func floats(values ...float32) []byte {
	b := make([]byte, 4*len(values))
	Convert(Float32, b, values)
	return b
}

func counting(n int) []byte {
	var b []byte
	for i := range n {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(i)))
	}
	return b
}

// readFloats waits for the stream and reads values from the device.
func readFloats(t *testing.T, s *Stream, from Pointer, n int) []float32 {
	t.Helper()
	b := make([]byte, 4*n)
	must(t, s.CopyOut(b, from))
	values := make([]float32, n)
	Widen(Float32, values, b)
	return values
}
