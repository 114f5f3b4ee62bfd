//go:build cuda

package cuda

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// inStaleMemory marks the process that TestStaleMemory starts.
const inStaleMemory = "VBGE_TEST_STALE_MEMORY"

// TestStaleMemory launches while Go collects garbage and memory from malloc is full of stale Go addresses. To store a Go
// pointer there, as the launch of gorgonia.org/cu does, lets the collector follow what stood there before, and Go ends the
// process: "found bad pointer in Go heap".
func TestStaleMemory(t *testing.T) {
	if os.Getenv(inStaleMemory) != "" {
		launchBesideTheCollector(t)
		return
	}
	needDriver(t)
	testKernels(t)
	library := filepath.Join(t.TempDir(), "stale.so")
	if out, err := exec.Command("gcc", "-O1", "-shared", "-fPIC", "testdata/stale.c", "-o", library, "-ldl").CombinedOutput(); err != nil {
		t.Skipf("there is no gcc: %v: %s", err, out)
	}
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStaleMemory$")
	c.Env = append(os.Environ(), inStaleMemory+"=1", "LD_PRELOAD="+library)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%.4000s", err, out)
	}
}

func launchBesideTheCollector(t *testing.T) {
	d := openDevice(t)
	s := newStream(t, d)
	k := loadKernel(t, d, "add")
	m := allocate(t, d, 4)
	var collecting sync.WaitGroup
	done := make(chan struct{})
	collecting.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
			}
		}
	})
	for range 20 {
		for range 200 {
			must(t, k.Launch(s, Grid{X: 1, Threads: 32}, Address(m.Pointer), Address(m.Pointer), Float(1), Int(1)))
		}
		must(t, s.Synchronize())
	}
	close(done)
	collecting.Wait()
}
