//go:build cuda && cgo

package startup

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	root      = "../../"
	reference = root + "engine/testdata/reference/"
	question  = `{"text":"a red car on the road"}` + "\n"

	// patience ends a command that hangs.
	patience = 2 * time.Minute

	// budget keeps the memory small that is taken beforehand.
	budget = "64"

	// bound is for bfloat16 on a device beside float32 on the CPU: components of a vector of length 1.
	bound = 0.02
)

// machine is what a program finds where it is started.
type machine struct {
	name            string
	driver          string // file that is opened as libcuda.so.1
	cublaslt        string
	doctor          string // what doctor says
	usesDevice      bool
	refusal         string // what --device cuda says; "" where it works
	mayBeMissing    string // why the driver may not be there; "" if it has to be
	emulatedDevices string
}

var machines = []machine{
	{
		name:    "no driver",
		driver:  "/nowhere/libcuda.so.1",
		doctor:  "/nowhere/libcuda.so.1: cannot open shared object file",
		refusal: "/nowhere/libcuda.so.1",
	},
	{
		name:    "not a driver",
		driver:  "/proc/self/exe",
		doctor:  "/proc/self/exe",
		refusal: "/proc/self/exe",
	},
	{
		name:         "driver without a device",
		driver:       "third_party/native/libcuda1/libcuda.so.1",
		doctor:       "no CUDA-capable device is detected",
		refusal:      "no CUDA-capable device is detected",
		mayBeMissing: "third_party/setup could not fetch Debian's libcuda1",
	},
	{
		name:            "emulated driver without a device",
		driver:          "build/emulated/libcuda.so.1",
		cublaslt:        "build/emulated/libcublasLt.so.13",
		emulatedDevices: "0",
		doctor:          "no CUDA-capable device is detected",
		refusal:         "no CUDA-capable device is detected",
	},
	{
		name:     "device without cuBLASLt",
		driver:   "build/emulated/libcuda.so.1",
		cublaslt: "/nowhere/libcublasLt.so.13",
		doctor:   "/nowhere/libcublasLt.so.13",
		refusal:  "/nowhere/libcublasLt.so.13",
	},
	{
		name:       "device",
		driver:     "build/emulated/libcuda.so.1",
		cublaslt:   "build/emulated/libcublasLt.so.13",
		doctor:     "--device auto is cuda:0",
		usesDevice: true,
	},
}

// environment is this process's without what chooses libraries, and with the machine's.
func (m machine) environment(t *testing.T) []string {
	t.Helper()
	absolute := func(path string) string {
		if filepath.IsAbs(path) || path == "" {
			return path
		}
		a, err := filepath.Abs(root + path)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if _, err := os.Stat(absolute(m.driver)); errors.Is(err, fs.ErrNotExist) && m.mayBeMissing != "" {
		t.Skip(m.mayBeMissing)
	}
	var e []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "VBGE_") && !strings.HasPrefix(variable, "CUDA_") {
			e = append(e, variable)
		}
	}
	return append(e, "VBGE_CUDA_DRIVER="+absolute(m.driver), "VBGE_CUBLASLT="+absolute(m.cublaslt),
		"VBGE_EMULATED_DEVICES="+m.emulatedDevices)
}

// vbge runs the binary that make build-cuda made.
func vbge(t *testing.T, environment []string, in string, arguments ...string) (out, log string, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, root+"bin/vbge-cuda", arguments...)
	c.Env, c.Stdin, c.Stdout, c.Stderr = environment, strings.NewReader(in), &stdout, &stderr
	var failed *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &failed) {
		t.Fatalf("%v: run make build-cuda first", err)
	}
	return stdout.String(), stderr.String(), c.ProcessState.ExitCode()
}

func tinyModel(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tiny")
	_, log, status := vbge(t, os.Environ(), "", "convert", reference+"golden/checkpoints/tiny.pth",
		"--config", reference+"tiny.json", "--vocab", reference+"tiny_vocab.txt", "--out", dir)
	if status != 0 {
		t.Fatalf("convert: %s", log)
	}
	return dir
}

func TestStart(t *testing.T) {
	model := tinyModel(t)
	want := embed(t, machines[0].environment(t), model, "cpu")
	for _, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			e := m.environment(t)

			out, log, status := vbge(t, e, "", "doctor", "--model", model)
			if status != 0 || !strings.Contains(out, m.doctor) {
				t.Errorf("doctor: exit status %d, without %q:\n%s%s", status, m.doctor, out, log)
			}

			out, log, status = vbge(t, e, question, "embed", "--model", model, "--max-batch-tokens", budget)
			if notes := strings.Count(log, "No GPU is used"); status != 0 || (notes == 1) == m.usesDevice || strings.Count(log, "\n") != notes {
				t.Errorf("embed: exit status %d, %d notes that the CPU is used, all of the log:\n%s", status, notes, log)
			}
			compare(t, out, want, m.usesDevice)

			out, log, status = vbge(t, e, question, "embed", "--model", model, "--max-batch-tokens", budget, "--device", "cuda")
			if m.usesDevice {
				compare(t, out, want, true)
			} else if status == 0 || out != "" || !strings.Contains(log, m.refusal) {
				t.Errorf("--device cuda: exit status %d, without %q:\n%s%s", status, m.refusal, out, log)
			}
		})
	}
}

func embed(t *testing.T, environment []string, model, device string) string {
	t.Helper()
	out, log, status := vbge(t, environment, question, "embed", "--model", model, "--max-batch-tokens", budget, "--device", device)
	if status != 0 || log != "" { // who names the CPU need not be told that it is used
		t.Fatalf("embed --device %s: exit status %d, %s", device, status, log)
	}
	return out
}

// compare wants the very same vector from the CPU, and a near one from a device.
func compare(t *testing.T, got, want string, device bool) {
	t.Helper()
	if !device {
		if got != want {
			t.Errorf("the CPU's vector is another:\n%.200s\n%.200s", got, want)
		}
		return
	}
	a, b := vector(t, got), vector(t, want)
	if len(a) != len(b) {
		t.Fatalf("%d values, want %d", len(a), len(b))
	}
	worst := 0.0
	for i := range a {
		worst = math.Max(worst, math.Abs(a[i]-b[i]))
	}
	if t.Logf("%.2g off, bound %.2g", worst, bound); !(worst <= bound) {
		t.Errorf("the device's vector is %.2g off, bound %.2g", worst, bound)
	}
	if got == want {
		t.Error("the device's vector is the CPU's, bit for bit: was it computed there?")
	}
}

func vector(t *testing.T, line string) []float64 {
	t.Helper()
	var answer struct{ Embedding []float64 }
	if err := json.Unmarshal([]byte(line), &answer); err != nil || len(answer.Embedding) == 0 {
		t.Fatalf("%.200q: %v", line, err)
	}
	return answer.Embedding
}

// TestNeeds looks at what the loader needs before the program starts.
func TestNeeds(t *testing.T) {
	f, err := elf.Open(root + "bin/vbge-cuda")
	if err != nil {
		t.Fatalf("%v: run make build-cuda first", err)
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil || len(needed) == 0 {
		t.Fatalf("needs %v, %v", needed, err)
	}
	for _, library := range needed {
		for _, prefix := range []string{"libcuda", "libcublas", "libnv"} {
			if strings.HasPrefix(library, prefix) {
				t.Errorf("it needs %s to start", library)
			}
		}
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Name == "cuInit" || s.Name == "cuGetProcAddress_v2" {
			t.Errorf("symbol %s would be mistaken for the driver's by libraries opened later", s.Name)
		}
	}
	t.Logf("it needs %s", strings.Join(needed, ", "))
}
