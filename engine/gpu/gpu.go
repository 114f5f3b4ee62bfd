// Package gpu computes passes on an NVIDIA GPU: op.Backend on packages cuda, cuda/kernels and
// cuda/cublaslt.
//
// What is decided about a pass (what is fused, where tensors stand, what it costs) is plain Go, built
// and tested everywhere: NewPlan and the files around plan.go. What drives the device, in the files
// *_cuda.go, needs the build tag cuda. There a batch goes this way: the caller's goroutine plans the
// pass, takes one of two slots and fills its pinned memory; the worker, one goroutine on one operating system
// thread, enqueues the copy to the device, a CUDA graph for each segment and the copy back, and
// asks from time to time whether that is done; the caller reads the results. While a batch is
// computed the next one is filled and copied.
package gpu

import (
	"errors"
	"fmt"
	"time"

	"vbge/cuda"
)

// Options choose a device and how it computes. The zero value of each field but Device and Type is
// its default.
type Options struct {
	Device int       // ordinal, as the driver counts
	Type   cuda.Type // that weights and activations are stored in; Float32 is the zero value
	// Workspace is what cuBLASLt may use beside its operands, in bytes.
	Workspace int64
	// Timeout is how long one batch may take on the device before it counts as hung.
	Timeout time.Duration
	// NoGraphs launches every kernel on its own. It is for tests and for profilers.
	NoGraphs bool
}

// DefaultWorkspace is what NVIDIA advises for cuBLASLt on Hopper; older devices need less.
const DefaultWorkspace = 32 << 20

// DefaultTimeout is a hundred times what the largest batch takes on the slowest device known.
const DefaultTimeout = 30 * time.Second

func (o Options) withDefaults() Options {
	if o.Workspace <= 0 {
		o.Workspace = DefaultWorkspace
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	return o
}

// Device is what the driver says about one GPU.
type Device struct {
	Index           int
	Name            string
	Major, Minor    int   // compute capability
	Memory          int64 // bytes
	Multiprocessors int
	Refusal         string // why this build cannot use it; "" if it can
}

// String is a line for vbge doctor.
func (d Device) String() string {
	s := fmt.Sprintf("cuda:%d %s, compute capability %d.%d, %d multiprocessors, %.1f GiB", d.Index, d.Name, d.Major, d.Minor,
		d.Multiprocessors, float64(d.Memory)/(1<<30))
	if d.Refusal != "" {
		s += " (not usable: " + d.Refusal + ")"
	}
	return s
}

// LeastMajor is the oldest compute capability whose instructions (bfloat16 mma, cp.async) the
// kernels are written in: Ampere.
const LeastMajor = 8

// Found is what there is of CUDA on this machine.
type Found struct {
	Driver          string // path of libcuda; "" if it did not open
	DriverVersion   int    // of CUDA that the driver speaks, 13000 for 13.0; 0 if it has no device
	CuBLASLt        string // path of libcublasLt; "" if it did not open
	CuBLASLtVersion int    // 130002 for 13.0.2
	Devices         []Device
	// Reasons says, a sentence each, what stands between this process and computing on a GPU. It is
	// empty if there is a usable device and every library.
	Reasons []string
}

// Usable returns the devices that New takes: none if a library is missing.
func (f Found) Usable() []Device {
	var usable []Device
	if f.Driver == "" || f.CuBLASLt == "" {
		return nil
	}
	for _, d := range f.Devices {
		if d.Refusal == "" {
			usable = append(usable, d)
		}
	}
	return usable
}

// ErrNotBuilt is returned where this build has no CUDA engine.
var ErrNotBuilt = errors.New("this build has no CUDA engine: `make build-cuda` builds one")

// ErrClosed is returned by calls after Close.
var ErrClosed = errors.New("the CUDA engine is closed")

// ErrDevice is wrapped where there is no such device, or one that is too old for the kernels.
var ErrDevice = errors.New("the device cannot be used")

// ErrMemory is wrapped where weights or activations do not fit the device's memory.
var ErrMemory = errors.New("not enough device memory")

// ErrHung is wrapped when a batch did not end within Options.Timeout. The device counts as lost.
var ErrHung = errors.New("the device does not answer")

// ErrNotFinite is wrapped when a result has a NaN or an infinity; no output is filled then.
var ErrNotFinite = errors.New("the result is not finite")

// ErrFailed is wrapped by every call after a device error: the backend computes nothing any more.
var ErrFailed = errors.New("the device has failed")
