//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// resources is what ptxas says of a kernel.
type resources struct{ registers, shared int }

var (
	compiling = regexp.MustCompile(`Compiling entry function '(\w+)' for 'sm_(\d+)'`)
	used      = regexp.MustCompile(`Used (\d+) registers`)
	smem      = regexp.MustCompile(`(\d+) bytes smem`)
)

// compileVerbosely compiles testdata/limits.cu for every architecture, and returns the fatbin and ptxas's words on each kernel by architecture.
func compileVerbosely(t *testing.T, architectures []string) ([]byte, map[string]map[string]resources) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "limits.fatbin")
	arguments := []string{"-O3", "--fatbin", "-Xfatbin", "--compress=false", "-Xptxas", "-v", "testdata/limits.cu", "-o", file,
		"-gencode", "arch=compute_80,code=compute_80"}
	for _, a := range architectures {
		arguments = append(arguments, "-gencode", "arch=compute_"+a+",code=sm_"+a)
	}
	said, err := exec.Command("../third_party/native/cuda/bin/nvcc", arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	image, err := os.ReadFile(file)
	must(t, err)
	found := map[string]map[string]resources{}
	starts := compiling.FindAllSubmatchIndex(said, -1)
	for i, at := range starts {
		end := len(said)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		name, architecture, text := string(said[at[2]:at[3]]), string(said[at[4]:at[5]]), said[at[1]:end]
		var r resources
		if m := used.FindSubmatch(text); m != nil {
			r.registers, _ = strconv.Atoi(string(m[1]))
		}
		if m := smem.FindSubmatch(text); m != nil {
			r.shared, _ = strconv.Atoi(string(m[1]))
		}
		if found[architecture] == nil {
			found[architecture] = map[string]resources{}
		}
		found[architecture][name] = r
	}
	return image, found
}

// The emulated driver takes its limits from the cubins: they have to be what ptxas gave, for every architecture.
func TestEmulatedLimitsAreTheCubins(t *testing.T) {
	needEmulator(t)
	optIn := map[string]int{"80": 163, "86": 99, "89": 99, "90": 227, "100": 227, "120": 99} // KB, CUDA programming guide
	image, said := compileVerbosely(t, []string{"80", "86", "89", "90", "100", "120"})
	for architecture, most := range optIn {
		t.Run(architecture, func(t *testing.T) {
			t.Setenv("VBGE_EMULATED_CAPABILITY", architecture)
			d := openDevice(t)
			p := d.Properties()
			if got := fmt.Sprint(p.Major, p.Minor); got != architecture[:len(architecture)-1]+" "+architecture[len(architecture)-1:] {
				t.Errorf("capability %s", got)
			}
			m, err := d.LoadModule(image)
			must(t, err)
			defer m.Close()
			if len(said[architecture]) != 3 {
				t.Fatalf("ptxas speaks of %v", said[architecture])
			}
			for name, want := range said[architecture] {
				k, err := m.Kernel(name)
				must(t, err)
				registers, shared, _, threads := k.Resources()
				t.Logf("%s: %d registers, %d bytes shared, %d threads", name, registers, shared, threads)
				if (resources{registers, shared}) != want {
					t.Errorf("%s has %d registers and %d bytes of shared memory, ptxas says %+v", name, registers, shared, want)
				}
				if err := k.AllowShared(most<<10 - shared); err != nil {
					t.Errorf("%s: all of %d KB: %v", name, most, err)
				}
				if err := k.AllowShared(most<<10 - shared + 1); err == nil {
					t.Errorf("%s: more than %d KB are allowed", name, most)
				}
			}
		})
	}
}

// A block's threads must all have their registers, of the 65536 that a multiprocessor has (CUDA programming guide).
func TestEmulatedRegistersLimitLaunches(t *testing.T) {
	needEmulator(t)
	t.Setenv("VBGE_EMULATED_CAPABILITY", "90")
	image, _ := compileVerbosely(t, []string{"90"})
	d := openDevice(t)
	s := newStream(t, d)
	m, err := d.LoadModule(image)
	must(t, err)
	defer m.Close()
	k, err := m.Kernel("hungry")
	must(t, err)
	registers, _, _, threads := k.Resources()
	rounded := (registers + 7) / 8 * 8 // a warp's are handed out 256 at a time, warps by fours
	if registers <= 64 || threads*rounded > 65536 || (threads+128)*rounded <= 65536 {
		t.Fatalf("%d registers, at most %d threads", registers, threads)
	}
	to := allocate(t, d, 4*1024)
	must(t, s.Fill(to.Pointer, 0, to.Bytes))
	for _, n := range []int{threads, threads + 1, 1024} {
		err := k.Launch(s, Grid{X: 1, Y: 1, Z: 1, Threads: n}, Address(to.Pointer), Address(to.Pointer))
		if (err == nil) != (n <= threads) || errors.Is(err, ErrLost) {
			t.Errorf("%d threads of %d registers: %v", n, registers, err)
		}
	}
	must(t, s.Synchronize())
}
