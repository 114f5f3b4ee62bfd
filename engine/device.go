package engine

import (
	"errors"
	"fmt"
	"runtime"

	"vbge/engine/cpu"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/engine/pixels"
	"vbge/engine/ref"
)

// Options choose the device and bound the memory. The zero value of each field is its default.
type Options struct {
	Device         string // auto (the fastest there is), cpu, ref
	Precision      string // auto, float32
	Threads        int    // that decode, and compute on cpu; the processors this process may use
	MaxBatchTokens int    // token budget of one pass
	Limits         pixels.Limits
}

// DefaultMaxBatchTokens is ten pictures of the full-size model: 80 MB of activations, and enough
// rows that matrix products run at their full rate.
const DefaultMaxBatchTokens = 2048

// Devices and Precisions are what Options takes.
var (
	Devices    = []string{"auto", "cpu", "ref"}
	Precisions = []string{"auto", "float32"}
)

// ErrDevice is wrapped by errors about a device or a precision that this build or machine has not.
var ErrDevice = errors.New("device not available")

// ErrTokenBudget is wrapped where MaxBatchTokens has no room for the longest input.
var ErrTokenBudget = errors.New("token budget too small")

func (o Options) withDefaults() Options {
	if o.Device == "" {
		o.Device = "auto"
	}
	if o.Precision == "" {
		o.Precision = "auto"
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.MaxBatchTokens <= 0 {
		o.MaxBatchTokens = DefaultMaxBatchTokens
	}
	return o
}

// AutomaticDevice returns what --device auto is in this build.
func AutomaticDevice() string {
	if cpu.Built {
		return "cpu"
	}
	return "ref"
}

// OpenDevice starts the device that o names and says what a model on it should compute. It is the
// one place that chooses a device. The caller closes the backend.
func OpenDevice(o Options) (op.Backend, model.Options, error) {
	o = o.withDefaults()
	if o.Precision != "auto" && o.Precision != "float32" {
		return nil, model.Options{}, fmt.Errorf("precision %q: %w: choose one of %v", o.Precision, ErrDevice, Precisions)
	}
	device := o.Device
	if device == "auto" {
		device = AutomaticDevice()
	}
	switch device {
	case "ref":
		return ref.New(), model.Options{}, nil
	case "cpu":
		b, err := cpu.New(o.Threads)
		if err != nil {
			return nil, model.Options{}, fmt.Errorf("%w: %w", ErrDevice, err)
		}
		return b, model.Options{PooledRowOnly: true}, nil
	}
	return nil, model.Options{}, fmt.Errorf("device %q: %w: choose one of %v", o.Device, ErrDevice, Devices)
}

// Caveats returns, as sentences for a user, in what this build falls short of the fast, exact one.
func Caveats() []string {
	var c []string
	if !cpu.Built {
		c = append(c, "This build has no native CPU engine and computes in plain Go (device ref), which is far slower: `make build` builds the fast one.")
	}
	if !pixels.Exact() {
		c = append(c, "This build decodes JPEG with Go's library, a little differently from the original (docs/exactness.md says how much): `make build` builds the exact one.")
	}
	return c
}
