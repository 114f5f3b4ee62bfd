//go:build cuda && cgo

package gpu

import (
	"os"
	"testing"

	"vbge/engine/golden"
	"vbge/engine/model"
	"vbge/weights"
)

// fullSize asks for the tests that take minutes on the emulated device.
const fullSize = "VBGE_TEST_FULL_SIZE"

// TestBaseSeed0 holds the full-size model with random weights against the original, in every type.
func TestBaseSeed0(t *testing.T) {
	if os.Getenv(fullSize) == "" {
		t.Skip("minutes on the emulated device: make test-cuda-long runs it")
	}
	set, err := golden.Base(reference)
	if err != nil {
		t.Fatal(err)
	}
	w := weights.Random(weights.Base(), 0)
	for _, kind := range storageTypes {
		t.Run(kind.String(), func(t *testing.T) {
			b := open(t, Options{Type: kind, Timeout: 10 * DefaultTimeout})
			m, err := model.Load(b, w, model.Options{PooledRowOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			examples := set.All()
			var got [][]float32
			for _, x := range examples { // one by one: batches are emulated no faster
				got = append(got, embedOn(t, b, m, x)...)
			}
			compareEmbeddings(t, "full size", got, examples, golden.BoundOf(kind))
		})
	}
}
