//go:build cuda

package kernels

import (
	"bytes"
	"testing"
)

// What may work in place must not read through the read-only cache, which would keep what was there before. The emulated
// device has no such cache: __restrict__ on one of these kernels' operands would go unnoticed.
func TestNothingInPlaceReadsThroughTheReadOnlyCache(t *testing.T) {
	inPlace := map[string]bool{"gelu": true, "layer_norm": true, "normalise": true, "assemble": true}
	found := false
	for _, s := range sources() {
		image, err := images.ReadFile(s.file + ".fatbin")
		must(t, err)
		reads := bytes.Contains(image, []byte("ld.global.nc"))
		if reads && inPlace[s.file] {
			t.Errorf("%s.cu has a load that takes its operands for unchanging", s.file)
		}
		found = found || reads
	}
	if !found {
		t.Error("no kernel has such a load, not even attention: does this test still find the PTX?")
	}
}
