package gpucheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Torch is what PyTorch reaches on the same device with the same weights: float16, fused attention,
// compiled.
type Torch struct {
	Version   string  `json:"version"`
	Batch     int     `json:"batch"`
	PerSecond float64 `json:"per_second"` // images
}

// The whole check is to end within most; a program of others may take patience, or what is left.
const (
	most     = 10 * time.Minute
	patience = 2 * time.Minute
)

func (c *check) withPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, min(patience, time.Until(c.began.Add(most))))
}

// torch runs the comparison where PyTorch with CUDA is installed.
func (c *check) torch(ctx context.Context) error {
	ctx, cancel := c.withPatience(ctx)
	defer cancel()
	const ask = "import torch; print(torch.cuda.is_available())"
	if out, err := exec.CommandContext(ctx, "python3", "-c", ask).Output(); err != nil || strings.TrimSpace(string(out)) != "True" {
		c.missing("PyTorch: `python3 -c %q` does not say True", ask)
		return nil
	}
	index := strings.TrimPrefix(c.Device, "cuda:")
	run := exec.CommandContext(ctx, "python3", filepath.Join(c.Reference, "bench_torch_cuda.py"), "--device", "cuda:"+index,
		"--seconds", strconv.FormatFloat(c.Time.Seconds(), 'f', 1, 64))
	run.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	var log bytes.Buffer
	run.Stderr = &log
	run.WaitDelay = time.Second // programs that it has started may hold its output
	out, err := run.Output()
	if err != nil { // it measures one batch after another: those before count
		c.missing("PyTorch, the rest of its batches: bench_torch_cuda.py: %v: %s", notInTime(ctx, err), lastLine(log.String()))
	}
	for line := range strings.Lines(string(out)) {
		var row Torch
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return fmt.Errorf("bench_torch_cuda.py printed %q: %w", line, err)
		}
		c.report.Torch = append(c.report.Torch, row)
	}
	return nil
}

// sanitizer repeats the dry run under compute-sanitizer where that is installed.
func (c *check) sanitizer(ctx context.Context) error {
	if os.Getenv(isChild) != "" {
		return nil
	}
	path, err := exec.LookPath("compute-sanitizer")
	if err != nil {
		c.missing("compute-sanitizer is not installed")
		return nil
	}
	for _, tool := range []string{"memcheck", "racecheck", "synccheck"} {
		log, err := c.repeat(ctx, path, "--tool", tool, "--error-exitcode", "99", c.Program)
		if errors.Is(err, context.DeadlineExceeded) {
			c.missing("compute-sanitizer's %s: %v", tool, err)
			continue
		}
		c.report.Sanitizer = append(c.report.Sanitizer, tool+": "+lastLine(log))
		if err != nil {
			return fmt.Errorf("%w: %s: %w\n%s", ErrWrong, tool, err, log)
		}
	}
	return nil
}

// repeat does a dry run in another process and returns what it printed.
func (c *check) repeat(ctx context.Context, command ...string) (string, error) {
	ctx, cancel := c.withPatience(ctx)
	defer cancel()
	out, err := os.MkdirTemp("", "vbge-gpu-check-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(out)
	args := append(command[1:], "gpu-check", "--dry-run", "--device", c.Device, "--reference", c.Reference, "--out", out, "--time", "50ms")
	run := exec.CommandContext(ctx, command[0], args...)
	run.Env = append(os.Environ(), isChild+"=1")
	run.WaitDelay = time.Second
	log, err := run.CombinedOutput()
	return string(log), notInTime(ctx, err)
}

// notInTime replaces what is said of a program that was killed for its time by the reason.
func notInTime(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("not done in time: %w", ctx.Err())
	}
	return err
}

// isChild marks a process that repeats a dry run for another and starts none itself.
const isChild = "VBGE_GPU_CHECK_CHILD"

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
