// Package cpu runs the operations of package op on x86-64 processors: matrix products by oneDNN,
// the rest by kernels of its own in native/, everything in float32. It needs the build tag native;
// without it New returns ErrNotBuilt.
//
// A pass is planned first (plan.go): what is computed in place, which activations share memory,
// which neighbours are one product. Then one operating system thread, the backend's own, runs it:
// oneDNN and OpenMP keep a thread pool for each thread that calls them.
package cpu

import "errors"

// ErrNotBuilt says that this build has no native CPU engine.
var ErrNotBuilt = errors.New("this build has no native CPU engine: build with `make build`, or use --device ref")

// ErrClosed says that the backend was closed before the call.
var ErrClosed = errors.New("the CPU engine is closed")

// ErrWideHead says that a model's attention heads have more than WidestHead channels.
var ErrWideHead = errors.New("attention heads too wide for the CPU engine: use --device ref")

// WidestHead is the most channels that one attention head can have here.
const WidestHead = 256

// MostThreads is the most threads that one backend computes on: more than that is a slip of the pen.
const MostThreads = 1024
