//go:build cuda

package cuda

import (
	"fmt"
	"math"

	"gorgonia.org/cu"
)

// Kernel is an entry of a module.
type Kernel struct {
	name                                 string
	device                               *Device
	function                             cu.Function
	registers, shared, local, maxThreads int
	parameters                           int
}

// AllowShared lets launches take more than 48 KB of dynamic shared memory, up to Properties.SharedPerBlock less what the kernel
// has statically.
func (k Kernel) AllowShared(bytes int) error {
	return doing(allowShared(k.function, bytes), "allow kernel %s %d bytes of shared memory, where CUDA device %d has %d a block",
		k.name, bytes, k.device.properties.Index, k.device.properties.SharedPerBlock)
}

// Resources returns the registers and the local memory of a thread, the static shared memory of a block, and the most threads
// that a block may have. Local memory other than 0 means that registers were spilled.
func (k Kernel) Resources() (registers, sharedBytes, localBytes, maxThreads int) {
	return k.registers, k.shared, k.local, k.maxThreads
}

// BlocksPerMultiprocessor returns how many blocks of that many threads and bytes of dynamic shared memory run at once on one
// multiprocessor.
func (k Kernel) BlocksPerMultiprocessor(threads, shared int) (int, error) {
	n, err := k.function.MaxActiveBlocksPerMultiProcessor(threads, int64(shared))
	return n, doing(failure("cuOccupancyMaxActiveBlocksPerMultiprocessor", err),
		"ask for the occupancy of kernel %s with %d threads and %d bytes of shared memory", k.name, threads, shared)
}

// Grid is how a kernel is launched: X by Y by Z blocks of Threads by 1 by 1 threads, each with Shared bytes of dynamic shared
// memory. Y and Z may be left at 0, which stands for 1.
type Grid struct {
	X, Y, Z int
	Threads int
	Shared  int
}

// Argument is a kernel's argument: 8 bytes, of which the driver takes as many as the parameter has.
type Argument uint64

const argumentBytes = 8

// Address is an argument that is a pointer.
func Address(p Pointer) Argument { return Argument(p) }

// Int is an argument of 4 bytes, signed or not: the launcher checks that the value fits.
func Int(v int) Argument { return Argument(uint32(v)) }

// Float is a float argument.
func Float(v float32) Argument { return Argument(math.Float32bits(v)) }

// mostArguments bounds what a launch lays out on its stack.
const mostArguments = 32

// Launch queues the kernel. Errors of the kernel itself appear later, where the stream or an event is waited for.
func (k Kernel) Launch(s *Stream, g Grid, args ...Argument) error {
	if len(args) != k.parameters || len(args) > mostArguments {
		return fmt.Errorf("launch kernel %s: %d arguments for its %d parameters, of at most %d",
			k.name, len(args), k.parameters, mostArguments)
	}
	if err := launch(k.function, g, s.stream, args); err != nil {
		return doing(err,
			"launch kernel %s on CUDA device %d: %d x %d x %d blocks of %d threads, %d bytes of shared memory",
			k.name, k.device.properties.Index, g.X, max(g.Y, 1), max(g.Z, 1), g.Threads, g.Shared)
	}
	return nil
}
