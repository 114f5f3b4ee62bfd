package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/engine/cpu"
	"vbge/engine/gpu"
	"vbge/engine/pixels"
	"vbge/engine/processors"
	"vbge/server/catalog"
	"vbge/weights"
)

func newDoctor() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Say what this machine and build can do, and what is missing",
		Example: "  vbge doctor --model models/base",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			report := func(part, format string, args ...any) {
				fmt.Fprintf(c.OutOrStdout(), "%-10s %s\n", part, fmt.Sprintf(format, args...))
			}
			diagnose(report, dir)
			return nil
		},
	}
	addModelDir(c, &dir)
	return c
}

// diagnose reports a line for each part. No device is started but a CPU, to see what the model allows there: it works
// where much is broken.
func diagnose(report func(part, format string, args ...any), dir string) {
	report("vbge", "%s, %s, %s/%s", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	report("processors", "%s", processors.Find())
	report("cpu", "%s", cpu.Describe())
	diagnoseCUDA(report)
	report("device", "--device auto is %s", engine.AutomaticDevice())
	diagnosePrecision(report, dir)
	exact := "as the original, bit for bit"
	if !pixels.Exact() {
		exact = "a little differently from the original"
	}
	report("pictures", "%s: decoded %s", pixels.Decoders(), exact)
	if binary, err := catalog.FindBinary(); err != nil {
		report("milvus", "no local .db: %v", err)
	} else {
		report("milvus", "local .db by %s", binary)
	}
	report("model", "%s", describeModel(dir))
	diagnoseMemory(report, dir)
	report("rerank", "%s", describeKey())
	for _, caveat := range engine.Caveats("auto") {
		report("note", "%s", caveat)
	}
}

// diagnosePrecision says what --device auto can compute in, and what --precision auto makes of that with the model.
func diagnosePrecision(report func(part, format string, args ...any), dir string) {
	switch device := engine.AutomaticDevice(); {
	case strings.HasPrefix(device, "cuda"):
		report("precision", "bfloat16 by default and with auto: half the memory and traffic of float32, and tensor cores")
		return
	case device == "ref":
		report("precision", "float32, the only one")
		return
	}
	can := []string{string(cpu.Float32)}
	for _, p := range []cpu.Precision{cpu.BFloat16, cpu.Int8} {
		if err := cpu.Supports(p); err != nil {
			report("precision", "%v", err)
		} else {
			can = append(can, string(p))
		}
	}
	report("precision", "%s; float32 by default", strings.Join(can, ", "))
	m := modelFlags{dir: dir, options: engine.Options{Device: "cpu", Precision: "auto"}}
	if e, err := m.load(); err == nil { // else what is said of the model says why
		report("precision", "auto is %s: %s", e.Precision(), e.PrecisionReason())
		e.Close()
	}
}

// diagnoseCUDA says what there is of CUDA, and why it is not used where it is not.
func diagnoseCUDA(report func(part, format string, args ...any)) {
	found := gpu.Find()
	if found.DriverVersion > 0 {
		report("cuda", "driver %s for CUDA %s", found.Driver, release(found.DriverVersion, 1000, 10))
	}
	if found.CuBLASLt != "" {
		report("cuda", "cuBLASLt %s, %s", release(found.CuBLASLtVersion, 10000, 100), found.CuBLASLt)
	}
	for _, d := range found.Devices {
		report("gpu", "%v", d)
	}
	for _, reason := range found.Reasons {
		report("cuda", "%s", reason)
	}
}

// diagnoseMemory states what the model would take on the GPU that --device auto is, if it is one.
func diagnoseMemory(report func(part, format string, args ...any), dir string) {
	c, what := weights.Base(), "the full-size model"
	if f, err := weights.Open(dir); err == nil {
		c, what = f.Config(), dir
		f.Close()
	}
	plans, err := engine.MemoryPlans(c, engine.Options{})
	for _, p := range plans {
		report("memory", "of %s: %v", what, p)
	}
	if err != nil {
		report("memory", "%v", err)
	}
}

// release writes the version numbers of CUDA's libraries as people do: 13000 is 13.0, 130002 is 13.0.
func release(version, major, minor int) string {
	return fmt.Sprintf("%d.%d", version/major, version%major/minor)
}

func describeModel(dir string) string {
	f, err := weights.Open(dir)
	if err != nil {
		return "none: " + err.Error()
	}
	defer f.Close()
	c := f.Config()
	takes := fmt.Sprintf("texts alone, %d", c.Text.Layers)
	if c.TakesPictures() {
		takes = fmt.Sprintf("texts, and pictures of %d pixels, %d + %d", c.ImageSize, c.Vision.Layers, c.Text.Layers)
	}
	return fmt.Sprintf("%s: %s layers of width %d, pooling %s, id %.12s...", dir, takes, c.Text.Hidden, c.Pooling, f.ID())
}

func describeKey() string {
	if os.Getenv("OPENAI_API_KEY") == "" {
		return "no OPENAI_API_KEY: results stay in the order found"
	}
	return "OPENAI_API_KEY is set"
}
