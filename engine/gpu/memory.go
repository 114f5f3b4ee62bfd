package gpu

import (
	"fmt"
	"strings"

	"vbge/cuda"
)

// Memory is what a backend keeps on its device, in bytes. It is stated before the first batch and does not
// grow unless a pass is larger than what Reserve was told of.
type Memory struct {
	Device      string // name
	Type        cuda.Type
	Tokens      int   // words and patches of the largest pass
	Weights     int64 // and tables
	Activations int64
	Workspace   int64 // cuBLASLt's
	Staging     int64 // what is copied in and out, for every batch in flight
	Free        int64 // on the device before any of these were taken
}

// Total returns the sum of the parts.
func (m Memory) Total() int64 { return m.Weights + m.Activations + m.Workspace + m.Staging }

// String is a line for vbge doctor.
func (m Memory) String() string {
	return fmt.Sprintf("%s: %s of weights (%v), %s of activations for batches of %d tokens, %s of workspace, %s of staging: %s of %s free",
		m.Device, mebibytes(m.Weights), m.Type, mebibytes(m.Activations), m.Tokens, mebibytes(m.Workspace), mebibytes(m.Staging),
		mebibytes(m.Total()), mebibytes(m.Free))
}

// reserve is what stays free: CUDA graphs (about 10 kB a launch: 270 MB of the full-size model's), loaded kernels, what the
// driver rounds allocations up by and its own tables are in no part of the plan.
func (m Memory) reserve() int64 { return min(512<<20, m.Free/16) }

// Check returns an error that wraps ErrMemory and names the flag to change, and the most tokens that
// would fit, if the plan needs more than there is.
func (m Memory) Check() error {
	room := m.Free - m.reserve()
	if m.Total() <= room {
		return nil
	}
	advice := halfAdvice(m.Type)
	if tokens := m.mostTokens(room); tokens > 0 {
		advice = fmt.Sprintf("lower --max-batch-tokens to %d", tokens)
	}
	return fmt.Errorf("%w: %s may be used: %s", ErrMemory, mebibytes(room), strings.Join([]string{m.String(), advice}, ": "))
}

// mostTokens returns how many tokens fit, in whole hundreds where that leaves any: activations and staging
// grow with them, the rest does not. A bucket may cover an eighth more.
func (m Memory) mostTokens(room int64) int {
	perBatch := m.Activations + m.Staging
	left := room - m.Weights - m.Workspace
	if left <= 0 || perBatch <= 0 {
		return 0
	}
	tokens := int(float64(m.Tokens) * float64(left) / float64(perBatch))
	tokens -= tokens / 8
	if tokens >= 1000 {
		tokens -= tokens % 100
	}
	return tokens
}

// halfAdvice is what to do about weights that do not fit.
func halfAdvice(t cuda.Type) string {
	if t == cuda.Float32 {
		return "choose --precision bfloat16, which halves them, or a device with more memory"
	}
	return "choose a device with more memory"
}

func mebibytes(bytes int64) string {
	if bytes < 10<<20 {
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}

// MemoryOf returns the plan of a device that holds what m was given and runs the passes that m was
// shown, of which the largest has that many tokens, with free bytes before.
func MemoryOf(m *Meter, o Options, tokens int, free int64) Memory {
	var e extent
	for _, p := range m.Plans {
		e = e.and(extentOf(p, tokens))
	}
	plan := e.memory()
	plan.Device, plan.Type, plan.Weights, plan.Workspace = fmt.Sprintf("cuda:%d", o.Device), m.Type, m.Parameters, o.withDefaults().Workspace
	plan.Free = free
	return plan
}
