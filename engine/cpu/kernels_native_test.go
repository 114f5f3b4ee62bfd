//go:build native && cgo

package cpu

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestOlderProcessors runs the operations again, in processes of their own, as processors with
// fewer instructions compute them.
func TestOlderProcessors(t *testing.T) {
	for isa, kernels := range map[string]string{"AVX2": "avx2 kernels", "SSE41": "generic kernels"} {
		if kernels == "avx2 kernels" && strings.Contains(Describe(), "generic kernels") {
			continue // this processor is older still
		}
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^(TestOperations|TestRandomPasses|TestNoRows)$", "-test.v")
		c.Env = append(os.Environ(), "ONEDNN_MAX_CPU_ISA="+isa)
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), kernels) || !strings.Contains(string(out), "--- PASS: TestRandomPasses") {
			t.Errorf("with %s, expected of the %s: %v\n%s", isa, kernels, err, out)
		}
	}
}
