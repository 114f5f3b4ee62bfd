//go:build cuda && cgo

package gpu

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
	"vbge/weights"
)

// executed is a line of the emulated device's trace.
type executed struct {
	Kind, Name     string
	Loaded, Stored int64 // bytes of global memory, by kernels
	Bytes          int64 // copied
	FLOPs          int64 // of a product
	Grid           [3]int
}

func readTrace(t *testing.T, path string) []executed {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []executed
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		var e executed
		if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, e)
	}
	return lines
}

// fullWidth is a configuration with the full-size model's widths, which decide which kernels run, and one or two layers.
func fullWidth() weights.Config {
	c := weights.Base()
	c.ImageSize, c.Vision.Layers, c.Text.Layers, c.Text.VocabSize = 64, 1, 2, 480
	return c
}

// TestTrace holds what the device executes for a batch against what the plan says and CostOf counts: the same launches in
// the same order, every product with its operations, every activation written once, and none read more often than said.
func TestTrace(t *testing.T) {
	needEmulated(t)
	path := t.TempDir() + "/trace"
	t.Setenv("VBGE_EMULATED_TRACE", path)
	b, c := open(t, Options{Type: cuda.BFloat16}), fullWidth()
	var p op.Pass
	y, err := load(t, b, c, true).Record(&p, batch(c, -3, 5, -2), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Output(y, make([]float32, y.Rows*y.Cols))
	plan, err := NewPlan(&p, cuda.BFloat16)
	if err != nil {
		t.Fatal(err)
	}
	const runs = 1 + slotCount // the last is a graph in whatever slot
	for range runs {
		if err := b.Run(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
	}
	var steps []Step
	for _, s := range plan.Segments {
		steps = append(steps, s.Steps...)
	}
	var launches, copies []executed
	for _, line := range readTrace(t, path) {
		switch line.Kind {
		case "copy":
			copies = append(copies, line)
		case "kernel", "product":
			launches = append(launches, line)
		default:
			t.Errorf("the device has executed %+v, which no plan has", line)
		}
	}
	if len(launches) != runs*len(steps) {
		t.Fatalf("%d launches in %d batches of %d steps", len(launches), runs, len(steps))
	}
	for run := range runs {
		for i, step := range steps {
			compareLaunch(t, step, launches[run*len(steps)+i])
		}
	}
	compareCopies(t, plan, copies[len(copies)-len(plan.Segments)-1:])
}

func compareLaunch(t *testing.T, step Step, did executed) {
	t.Helper()
	name, c := NameOf(step), CostOf(step)
	if did.Kind != "product" && !strings.HasPrefix(did.Name, step.Kind()) || (did.Kind == "product") != (step.Kind() == "product") {
		t.Errorf("%s: the device has executed %s %s", name, did.Kind, did.Name)
	}
	if did.Stored != c.Written {
		t.Errorf("%s: %d bytes written, %d by the plan", name, did.Stored, c.Written)
	}
	if did.Loaded < c.Read {
		t.Errorf("%s: %d bytes read, the activations alone are %d", name, did.Loaded, c.Read)
	}
	most := c.Read + c.Input + c.Parameters
	_, y := step.Operands()
	switch s := step.(type) {
	case Product:
		if did.FLOPs != c.MatrixFLOPs {
			t.Errorf("%s: %d operations, %d by the plan", name, did.FLOPs, c.MatrixFLOPs)
		}
	case Patches: // every block reads the levels
		most += int64(did.Grid[0]-1) * 4 * 3 * 256
	case LayerNorm, SwiGLUNorm: // every row reads gain and bias, from the cache
		most += int64(y.Rows-1) * normBytes(y.Cols)
	case LayerNormNormalise: // the same, twice; the warps are for 1024 columns and read the last vector of 768 again
		most += 2*int64(y.Rows)*normBytes(y.Cols) + c.Read/3
	case Assemble: // every vector's thread reads the row's numbers
		most += c.Input * int64(y.Cols/rowValues)
		if s.Norm != nil {
			most += int64(y.Rows) * normBytes(y.Cols)
		}
	case Attention: // keys, values and angles, once for each tile of queries, from the cache
		return
	}
	if did.Loaded > most {
		t.Errorf("%s: %d bytes read, %d by the plan", name, did.Loaded, most)
	}
}

// compareCopies checks one batch's copies: a block for each segment, and the results.
func compareCopies(t *testing.T, plan *Plan, did []executed) {
	t.Helper()
	for i, s := range plan.Segments {
		if want := s.Input.Fill(make([]byte, s.Input.Bytes)); did[i].Name != "in" || did[i].Bytes != want {
			t.Errorf("segment %d: copied %s %d bytes, want in %d", i, did[i].Name, did[i].Bytes, want)
		}
	}
	if last := did[len(plan.Segments)]; last.Name != "out" || last.Bytes != plan.Results {
		t.Errorf("results: copied %s %d bytes, want out %d", last.Name, last.Bytes, plan.Results)
	}
}
