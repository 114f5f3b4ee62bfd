package gpucheck

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Tested is a package whose own tests ran on the device.
type Tested struct {
	Package string `json:"package"`
	Passed  int    `json:"passed"` // tests, those within tests counted
	OK      bool   `json:"ok"`
}

// packages have tests of the device. `make gpu-bundle` compiles each to gpu-tests beside the program, so that they run
// where there is no Go.
var packages = []string{"cuda", "cuda/cublaslt", "cuda/kernels", "engine/gpu"}

// tests runs the packages' own tests on the device, each in its folder of the sources.
func (c *check) tests(ctx context.Context) error {
	if c.DryRun {
		c.missing("the packages' own tests: left out of a dry run")
		return nil
	}
	sources, err := filepath.Abs(filepath.Join(c.Reference, "../../.."))
	if err != nil {
		return err
	}
	for _, name := range packages {
		program := filepath.Join(filepath.Dir(c.Program), "gpu-tests", strings.ReplaceAll(name, "/", "-")+".test")
		if _, err := os.Stat(program); err != nil {
			c.missing("tests of %s: %v (make gpu-bundle compiles them)", name, err)
			continue
		}
		if _, err := os.Stat(filepath.Join(sources, name)); err != nil {
			c.missing("tests of %s run in its folder: %v", name, err)
			continue
		}
		run := exec.CommandContext(ctx, program, "-test.v", "-test.short", "-test.timeout="+patience.String())
		run.Dir = filepath.Join(sources, name)
		log, err := run.CombinedOutput()
		c.report.Tests = append(c.report.Tests, Tested{name, strings.Count(string(log), "--- PASS: "), err == nil})
		if err != nil {
			return fmt.Errorf("%w: tests of %s: %w\n%s", ErrWrong, name, err, failures(string(log)))
		}
	}
	return nil
}

// failures returns the part of a test's log that says what failed.
func failures(log string) string {
	const most = 4000
	if at := strings.Index(log, "--- FAIL: "); at > most {
		log = log[at-most:]
	}
	return log[:min(len(log), 2*most)]
}
