package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vbge/engine/gpucheck"
)

func newGPUCheck() *cobra.Command {
	o := gpucheck.Options{Time: 2 * time.Second}
	var out string
	c := &cobra.Command{
		Use:   "gpu-check",
		Short: "Check and measure a GPU: golden vectors, every operation, speed; writes a report",
		Long: `Holds golden vectors and every operation against the device in all precisions, times each step of
the full-size model beside the device's limits, and measures images, pairs and texts a second by
batch. PyTorch and compute-sanitizer join in where they are installed; the report lists what was
missing. It needs no network and takes less than ten minutes.

The report is written to --out as <device>-<date>.md and .json. The status is 1 if something that
the device computed is further off than allowed.`,
		Example: "  vbge gpu-check --device cuda:0",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if o.Program, err = os.Executable(); err != nil {
				return err
			}
			o.Log, o.Version = c.ErrOrStderr(), buildVersion()
			return runGPUCheck(c.Context(), o, out, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&o.Device, "device", "auto", "the GPU: cuda:N")
	c.Flags().StringVar(&o.Reference, "reference", "engine/testdata/reference", "folder of golden vectors, as in vbge's sources")
	c.Flags().StringVar(&out, "out", "docs/gpu", "folder for the report")
	c.Flags().DurationVar(&o.Time, "time", o.Time, "for each measured rate")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "small models and few turns: shows that the check itself works")
	return c
}

func runGPUCheck(ctx context.Context, o gpucheck.Options, dir string, out io.Writer) error {
	r, err := gpucheck.Run(ctx, o)
	if r.Device.Name == "" {
		return err
	}
	if errors.Is(err, gpucheck.ErrWrong) {
		err = fmt.Errorf("%w: %w", errSomeFailed, err)
	}
	path := filepath.Join(dir, reportName(r))
	return errors.Join(err, writeReport(r, path, out))
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

func reportName(r *gpucheck.Report) string {
	device := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(r.Device.Name), "-"), "-")
	if r.DryRun {
		device += "-dry-run"
	}
	return device + "-" + r.Date
}

// writeReport writes path.md and path.json, and the former to out.
func writeReport(r *gpucheck.Report, path string, out io.Writer) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".json", append(text, '\n'), 0o666); err != nil {
		return err
	}
	f, err := os.Create(path + ".md")
	if err != nil {
		return err
	}
	err = errors.Join(r.Markdown(io.MultiWriter(f, out)), f.Close())
	fmt.Fprintf(out, "\nwritten to %s.md and .json\n", path)
	return err
}
