//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestFindDriver(t *testing.T) {
	needDriver(t)
	d, err := FindDriver()
	must(t, err)
	if d.Path == "" || d.Version < 11000 || d.Version%10 != 0 {
		t.Errorf("found %+v", d)
	}
	n, err := Count()
	must(t, err)
	for i := range n {
		p, err := Describe(i)
		must(t, err)
		t.Logf("%s, version %d: %+v", d.Path, d.Version, p)
		if p.Index != i || p.Name == "" || p.Major < 5 || p.Memory < 1<<28 || p.Multiprocessors < 1 || p.SharedPerBlock < 48<<10 ||
			p.SharedPerMultiprocessor < p.SharedPerBlock || p.RegistersPerMultiprocessor < 32<<10 ||
			p.ThreadsPerMultiprocessor < 1024 || p.L2Bytes < 1<<20 || p.BusBits < 64 {
			t.Errorf("device %d cannot be: %+v", i, p)
		}
	}
	var driver *Error
	_, err = Describe(n)
	if !errors.As(err, &driver) || driver.Code != 101 || !strings.Contains(err.Error(), fmt.Sprint("device ", n)) {
		t.Errorf("device %d of %d: %v", n, n, err)
	}
	if _, err := Open(n); !errors.As(err, &driver) || driver.Code != 101 {
		t.Errorf("open device %d of %d: %v", n, n, err)
	}
}

// What a process finds is settled when it first looks, so every case is a process of its own: this test, once more.
func TestStartsWithoutDevice(t *testing.T) {
	dir := t.TempDir()
	notDriver := filepath.Join(dir, "libcuda.so.1")
	must(t, os.WriteFile(notDriver, []byte("no library"), 0o600))
	noDevice, err := filepath.Abs("../third_party/native/libcuda1/libcuda.so.1")
	must(t, err)
	for _, c := range []struct {
		name, driver string
		want         error
		reason       string
	}{
		{"no driver", filepath.Join(dir, "missing.so"), ErrNoDriver, "missing.so"},
		{"a file that is no library", notDriver, ErrNoDriver, "libcuda.so.1"},
		{"a library that is no driver", "libm.so.6", nil, "not a CUDA driver"},
		{"a driver without a device", noDevice, ErrNoDevice, "no CUDA-capable device"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat(c.driver); filepath.IsAbs(c.driver) && err != nil && c.want == ErrNoDevice {
				t.Skip("Debian's driver is not in third_party/native: third_party/setup --cuda")
			}
			child := exec.Command(os.Args[0], "-test.run=^TestWithoutDevice$", "-test.v")
			child.Env = append(os.Environ(), "VBGE_CUDA_DRIVER="+c.driver, "VBGE_TEST_WITHOUT_DEVICE=1")
			out, err := child.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			found := string(out)
			if !strings.Contains(found, fmt.Sprintf("none=%t no-device=%t", c.want == ErrNoDriver, c.want == ErrNoDevice)) ||
				!strings.Contains(found, c.reason) || !strings.Contains(found, c.driver) {
				t.Errorf("wanted %v with %q:\n%s", c.want, c.reason, out)
			}
		})
	}
}

// TestWithoutDevice is the child of TestStartsWithoutDevice.
func TestWithoutDevice(t *testing.T) {
	if os.Getenv("VBGE_TEST_WITHOUT_DEVICE") == "" {
		t.Skip("run by TestStartsWithoutDevice")
	}
	d, err := FindDriver()
	t.Logf("none=%t no-device=%t %s: %v", errors.Is(err, ErrNoDriver), errors.Is(err, ErrNoDevice), d.Path, err)
	if err == nil {
		t.Fatal("a driver was found")
	}
	if n, err := Count(); n != 0 || err != nil {
		t.Errorf("%d devices: %v", n, err)
	}
	if _, opened := Open(0); opened == nil || !strings.HasSuffix(opened.Error(), err.Error()) {
		t.Errorf("opening device 0: %v", opened)
	}
}

func TestMemoryIsCounted(t *testing.T) {
	d := openDevice(t)
	check := func(device, host int64) {
		t.Helper()
		if gotDevice, gotHost := d.LiveBytes(); gotDevice != device || gotHost != host {
			t.Errorf("%d bytes on the device and %d pinned are live, not %d and %d", gotDevice, gotHost, device, host)
		}
	}
	before, total, err := d.Free()
	must(t, err)
	a, err := d.Allocate(1)
	must(t, err)
	b, err := d.Allocate(8 << 20)
	must(t, err)
	if a.Pointer == b.Pointer || a.Pointer%256 != 0 || b.Pointer%256 != 0 || a.Bytes != 1 || b.Bytes != 8<<20 {
		t.Errorf("allocated %+v and %+v", a, b)
	}
	if after, _, err := d.Free(); err != nil || after > before-8<<20 || total != d.Properties().Memory {
		t.Errorf("%d of %d bytes free, before %d: %v", after, total, before, err)
	}
	pinned, err := d.AllocateHost(4097)
	must(t, err)
	check(1+8<<20, 4097)
	pinned.Bytes[4096] = 1

	must(t, d.Release(a))
	check(8<<20, 4097)
	for name, err := range map[string]error{
		"released twice":        d.Release(a),
		"never allocated":       d.Release(Memory{b.Pointer + 256, 1}),
		"not the start":         d.ReleaseHost(HostMemory{pinned.Bytes[1:]}),
		"not pinned":            d.ReleaseHost(HostMemory{make([]byte, 10)}),
		"nothing on the device": second(d.Allocate(0)),
		"less than nothing":     second(d.Allocate(-5)),
		"nothing pinned":        second(d.AllocateHost(0)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	check(8<<20, 4097)
	must(t, d.Release(b))
	must(t, d.ReleaseHost(pinned))
	must(t, d.Release(Memory{}))
	must(t, d.ReleaseHost(HostMemory{}))
	check(0, 0)
}

func second[T any](_ T, err error) error { return err }

func TestCloseTellsWhatWasNotReleased(t *testing.T) {
	needDriver(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	d, err := Open(0)
	must(t, err)
	_, err = d.Allocate(1000)
	must(t, err)
	_, err = d.AllocateHost(24)
	must(t, err)
	if err := d.Close(); err == nil || !strings.Contains(err.Error(), "1000 bytes on it and 24 pinned") {
		t.Errorf("closed with: %v", err)
	}
}

func TestOutOfMemory(t *testing.T) {
	d := openDevice(t)
	_, err := d.Allocate(1 << 50)
	if !errors.Is(err, ErrOutOfMemory) || errors.Is(err, ErrLost) {
		t.Errorf("2^50 bytes: %v", err)
	}
	if want := fmt.Sprint(1 << 50); err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say how many bytes were asked for", err)
	}
	allocate(t, d, 1<<20) // goes on
	if device, _ := d.LiveBytes(); device != 1<<20 {
		t.Errorf("%d bytes are live, not 2^20", device)
	}
}

// Two devices on two threads, and one of them on a second thread by MakeCurrent.
func TestTwoDevices(t *testing.T) {
	needEmulator(t)
	t.Setenv("VBGE_EMULATED_DEVICES", "2")
	if n, err := Count(); err != nil || n != 2 {
		t.Fatalf("%d devices: %v", n, err)
	}
	d := openDevice(t)
	m := allocate(t, d, 4)
	s := newStream(t, d)
	must(t, s.CopyIn(m.Pointer, floats(1)))
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- onOtherThread(d, s, m)
	}()
	must(t, <-done)
	if v := readFloats(t, s, m.Pointer, 1); v[0] != 2 {
		t.Errorf("the other thread's 2 is %v", v[0])
	}
}

func onOtherThread(d *Device, s *Stream, m Memory) error {
	other, err := Open(1)
	if err != nil {
		return err
	}
	if other.Properties().Index != 1 {
		return fmt.Errorf("opened %+v", other.Properties())
	}
	if _, err := other.Allocate(100); err != nil {
		return err
	}
	if device, _ := d.LiveBytes(); device != 4 {
		return fmt.Errorf("device 0 counts %d bytes", device)
	}
	if err := other.Close(); err == nil || !strings.Contains(err.Error(), "device 1: 100 bytes") {
		return fmt.Errorf("closed device 1 with %w", err)
	}
	if err := d.MakeCurrent(); err != nil {
		return err
	}
	return errors.Join(s.CopyIn(m.Pointer, floats(2)), s.Synchronize())
}

func TestOldDriversAreRefused(t *testing.T) {
	for version, old := range map[int]bool{0: true, 12020: true, 12090: true, 13000: false, 13010: false, 14000: false} {
		err := Driver{Path: "/lib/libcuda.so.1", Version: version}.check()
		if errors.Is(err, ErrOldDriver) != old {
			t.Errorf("version %d: %v", version, err)
		}
	}
	err := Driver{Path: "/lib/libcuda.so.1", Version: 12090}.check()
	for _, part := range []string{"/lib/libcuda.so.1", "12.9", "13.0", "580"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %s", err, part)
		}
	}
}
