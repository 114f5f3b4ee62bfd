//go:build cuda && cgo

package startup

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGPUCheck: the check of a real GPU goes through on the emulated one, writes its report, and
// says so when the device computes something else.
func TestGPUCheck(t *testing.T) {
	device := machines[len(machines)-1].environment(t)
	arguments := func(out string) []string {
		return []string{"gpu-check", "--dry-run", "--time", "50ms", "--reference", reference, "--out", out}
	}
	dir := t.TempDir()
	out, log, status := vbge(t, device, "", arguments(dir)...)
	if status != 0 || strings.Contains(out, "**no**") || strings.Count(out, "| yes |") != 6 {
		t.Errorf("exit status %d:\n%s%s", status, out, log)
	}
	files, err := filepath.Glob(filepath.Join(dir, "emulated-h100-dry-run-*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("reports %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Golden, Operations, Steps, Rates []any
		Missing                          []string
	}
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Golden) != 3 || len(report.Operations) != 3 || len(report.Steps) < 10 || len(report.Rates) != 6 || len(report.Missing) == 0 {
		t.Errorf("%d golden rows, %d of operations, %d steps, %d rates, missing: %q", len(report.Golden), len(report.Operations),
			len(report.Steps), len(report.Rates), report.Missing)
	}

	_, log, status = vbge(t, append(device, "VBGE_EMULATED_FAULT=launch@100"), "", arguments(t.TempDir())...)
	if status == 0 || !strings.Contains(log, "the device has failed") {
		t.Errorf("of a failing device: exit status %d, %s", status, log)
	}
	_, log, status = vbge(t, machines[0].environment(t), "", arguments(t.TempDir())...)
	if status != 3 || !strings.Contains(log, "no GPU to check") {
		t.Errorf("without a device: exit status %d, %s", status, log)
	}
}
