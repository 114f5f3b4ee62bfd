package gpucheck

import (
	"fmt"
	"io"
	"strings"
	"time"

	"vbge/engine"
)

// Markdown writes the report for people.
func (r *Report) Markdown(w io.Writer) error {
	d := &document{w: w}
	d.line("# %s, %s", r.Device.Name, r.Date)
	d.line("")
	kind := "Measured on this device by `make gpu-check`"
	if r.DryRun {
		kind = "A dry run (`vbge gpu-check --dry-run`): small models, no figure says anything about speed"
	}
	d.line("%s, in %.0f s.", kind, r.Seconds)
	d.line("%v. Driver for CUDA %d.%d, cuBLASLt %d. vbge %s.", r.Device, r.Found.DriverVersion/1000, r.Found.DriverVersion%1000/10,
		r.Found.CuBLASLtVersion, r.Version)

	d.table("Golden vectors", "model | precision | embeddings | largest difference | allowed | smallest cosine | asked | ok")
	for _, g := range r.Golden {
		d.row("%s | %s | %d | %.2g | %.2g | %.6f | %.6f | %v", g.Model, g.Precision, g.Examples, g.Difference, g.Bound.Difference,
			g.Cosine, g.Bound.Cosine, yes(g.OK()))
	}
	d.table("Operations against engine/ref", "precision | passes | largest difference | in | allowed | ok")
	for _, f := range r.Forms {
		d.row("%s | %d | %.2g | %s | %.2g | %v", f.Precision, f.Passes, f.Difference, f.Worst, f.Bound, yes(f.OK()))
	}
	if len(r.Tests) > 0 {
		d.table("The packages' own tests on the device", "package | tests passed | ok")
		for _, x := range r.Tests {
			d.row("%s | %d | %s", x.Package, x.Passed, yes(x.OK))
		}
	}
	size := "the full-size model"
	if r.DryRun {
		size = "a small model"
	}
	d.table(fmt.Sprintf("Steps of %d pictures in %s, %s, each alone with the second-level cache flushed", r.StepPictures, size, engine.PrecisionOf(storages[0])),
		"step | launches | time of one | GB/s | TFLOP/s | of the limit")
	for _, s := range r.Steps {
		seconds := s.Time.Seconds()
		d.row("%s | %d | %v | %.0f | %.1f | %s", s.Name, s.Launches, s.Time.Round(100*time.Nanosecond),
			float64(s.Bytes)/seconds/1e9, float64(s.FLOPs)/seconds/1e12, share(s.Limit.Seconds()/seconds))
	}
	d.table("Inputs a second, "+size+", two batches in flight", "precision | kind | batch | per second | TFLOP/s | of the matrix peak")
	for _, x := range r.Rates {
		d.row("%s | %s | %d | %.1f | %.1f | %s", x.Precision, x.Kind, x.Batch, x.PerSecond, x.TFLOPs, share(x.Utilisation))
	}
	if len(r.Torch) > 0 {
		d.table("PyTorch on the same device: float16, fused attention, compiled", "version | batch | images a second")
		for _, x := range r.Torch {
			d.row("%s | %d | %.1f", x.Version, x.Batch, x.PerSecond)
		}
	}
	if len(r.Sanitizer) > 0 {
		d.line("\n## compute-sanitizer\n")
		for _, s := range r.Sanitizer {
			d.line("- %s", s)
		}
	}
	if len(r.Missing) > 0 {
		d.line("\n## What was not done\n")
		for _, m := range r.Missing {
			d.line("- %s", m)
		}
	}
	return d.err
}

func yes(ok bool) string {
	if ok {
		return "yes"
	}
	return "**no**"
}

func share(x float64) string {
	if x <= 0 {
		return "not known"
	}
	return fmt.Sprintf("%.0f%%", 100*x)
}

// document remembers the first error of its writer.
type document struct {
	w   io.Writer
	err error
}

func (d *document) line(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format+"\n", args...)
	}
}

func (d *document) table(title, columns string) {
	d.line("\n## %s\n\n| %s |\n|%s", title, columns, strings.Repeat(" --- |", strings.Count(columns, "|")+1))
}

func (d *document) row(format string, args ...any) { d.line("| "+format+" |", args...) }
