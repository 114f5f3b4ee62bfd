package gpu

import (
	"errors"
	"strings"
	"testing"

	"vbge/cuda"
)

func TestMemoryPlan(t *testing.T) {
	const mib = 1 << 20
	base := Memory{Device: "cuda:0", Type: cuda.BFloat16, Tokens: 16384, Weights: 400 * mib, Activations: 600 * mib,
		Workspace: 32 * mib, Staging: 40 * mib, Free: 4096 * mib}
	with := func(change func(*Memory)) Memory {
		m := base
		change(&m)
		return m
	}
	for _, c := range []struct {
		name string
		m    Memory
		says string // "" if it fits
	}{
		{"fits", base, ""},
		{"too many tokens", with(func(m *Memory) { m.Free = 800 * mib }), "lower --max-batch-tokens to 7100"},
		{"few tokens", with(func(m *Memory) { m.Free = 470 * mib }), "lower --max-batch-tokens to 193"},
		{"weights in float32", with(func(m *Memory) { m.Free, m.Type = 300*mib, cuda.Float32 }), "--precision bfloat16"},
		{"weights in bfloat16", with(func(m *Memory) { m.Free = 300 * mib }), "a device with more memory"},
	} {
		err := c.m.Check()
		if c.says == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
	t.Log(base)
}
