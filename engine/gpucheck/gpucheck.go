// Package gpucheck is what `vbge gpu-check` does on the day a GPU is there: it holds golden vectors
// and every operation against the device, times every step of the full-size model beside the
// device's limits, and measures images, texts and pairs a second. What it finds becomes a report.
package gpucheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"vbge/engine/gpu"
)

// Options choose the device and how much is done.
type Options struct {
	Device    string        // as --device takes it, one device
	Reference string        // engine/testdata/reference or a copy of it
	Program   string        // this vbge, which other tools start
	Version   string        // of vbge, for the report
	DryRun    bool          // small models and few turns: for the emulated device
	Time      time.Duration // for each measurement of a rate
	Log       io.Writer     // what is being done
}

// Report is what was found. Every row says itself whether it is as it should be.
type Report struct {
	Date    string     `json:"date"`
	Version string     `json:"version"`
	DryRun  bool       `json:"dry_run"`
	Device  gpu.Device `json:"device"`
	Found   gpu.Found  `json:"found"`
	Golden  []Golden   `json:"golden"`
	Forms   []Form     `json:"operations"`
	Tests   []Tested   `json:"tests"`
	// StepPictures are in the batch that Steps are of.
	StepPictures int      `json:"step_pictures"`
	Steps        []Step   `json:"steps"`
	Rates        []Rate   `json:"rates"`
	Torch        []Torch  `json:"torch"`
	Sanitizer    []string `json:"sanitizer"` // the last lines of compute-sanitizer's tools
	Missing      []string `json:"missing"`   // what was not done, and why
	Seconds      float64  `json:"seconds"`
}

// ErrWrong is wrapped if something the device computed is further off than allowed.
var ErrWrong = errors.New("the device computes something else")

// Run does everything in turn. The report is whole as far as it got also with an error.
func Run(ctx context.Context, o Options) (*Report, error) {
	began := time.Now()
	r := &Report{Date: began.UTC().Format(time.DateOnly), Version: o.Version, DryRun: o.DryRun, Found: gpu.Find()}
	c := &check{Options: o, report: r, began: began}
	parts := []struct {
		name string
		do   func(context.Context) error
	}{
		{"device", c.device}, {"golden vectors", c.golden}, {"operations", c.forms}, {"tests", c.tests}, {"steps", c.steps},
		{"rates", c.rates}, {"PyTorch", c.torch}, {"compute-sanitizer", c.sanitizer},
	}
	for _, part := range parts {
		fmt.Fprintf(o.Log, "%s ...\n", part.name)
		if err := part.do(ctx); err != nil {
			r.Seconds = time.Since(began).Seconds()
			return r, fmt.Errorf("gpu-check, %s: %w", part.name, err)
		}
	}
	r.Seconds = time.Since(began).Seconds()
	return r, r.wrong()
}

// check is one run under way.
type check struct {
	Options
	report *Report
	began  time.Time
}

func (c *check) missing(format string, args ...any) {
	c.report.Missing = append(c.report.Missing, fmt.Sprintf(format, args...))
}

// wrong returns the first row that is further off than its bound.
func (r *Report) wrong() error {
	for _, g := range r.Golden {
		if !g.OK() {
			return fmt.Errorf("%w: %s in %s: off by %.2g (%.2g allowed), cosine %.6f (%.6f asked)", ErrWrong,
				g.Model, g.Precision, g.Difference, g.Bound.Difference, g.Cosine, g.Bound.Cosine)
		}
	}
	for _, f := range r.Forms {
		if !f.OK() {
			return fmt.Errorf("%w: %s in %s: off by %.2g, %.2g allowed", ErrWrong, f.Worst, f.Precision, f.Difference, f.Bound)
		}
	}
	return nil
}
