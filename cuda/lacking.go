//go:build cuda

package cuda

// The calls that gorgonia.org/cu v0.9.6 does not have: pinned memory, a kernel's attributes, capture and graphs, and the
// driver's names for its errors; and the launch of a kernel, where it stores Go pointers in memory from malloc, so that the
// garbage collector follows what stood there before and ends the process. Handles cross as the pointers that they are.

/*
#cgo CFLAGS: -I${SRCDIR}/driver
#cgo LDFLAGS: -lcuda
#include <cuda.h>
#include <stdint.h>
#include "driver.h"

// vbge_launch takes each argument's value as 8 bytes, of which the driver reads as many as the parameter has.
static CUresult vbge_launch(CUfunction f, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned shared, CUstream s,
                            uint64_t *values, int count) {
    void *addresses[32];
    for (int i = 0; i < count; i++) addresses[i] = values + i;
    return cuLaunchKernel(f, x, y, z, threads, 1, 1, shared, s, addresses, NULL);
}
*/
import "C"

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

func explain(code int) (name, text string) {
	var n, t *C.char
	if C.cuGetErrorName(C.CUresult(code), &n) != 0 || C.cuGetErrorString(C.CUresult(code), &t) != 0 {
		return "unknown", "the driver has no name for this error"
	}
	return C.GoString(n), C.GoString(t)
}

func allocateHost(bytes int) (unsafe.Pointer, error) {
	var p unsafe.Pointer
	status := C.cuMemAllocHost(&p, C.size_t(bytes))
	return p, driverError("cuMemAllocHost", int(status))
}

func freeHost(p unsafe.Pointer) error {
	return driverError("cuMemFreeHost", int(C.cuMemFreeHost(p)))
}

func functionHandle(f cu.Function) C.CUfunction {
	return *(*C.CUfunction)(unsafe.Pointer(&f)) // cu.Function is a struct of this one field
}

func allowShared(f cu.Function, bytes int) error {
	return driverError("cuFuncSetAttribute", int(C.cuFuncSetAttribute(functionHandle(f),
		C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(bytes))))
}

// launch queues a kernel with at most mostArguments arguments.
func launch(f cu.Function, g Grid, s cu.Stream, args []Argument) error {
	return driverError("cuLaunchKernel", int(C.vbge_launch(functionHandle(f), C.uint(g.X), C.uint(max(g.Y, 1)), C.uint(max(g.Z, 1)),
		C.uint(g.Threads), C.uint(g.Shared), C.CUstream(unsafe.Pointer(s.C())), (*C.uint64_t)(unsafe.SliceData(args)), C.int(len(args)))))
}

// parameterSizes returns the bytes of each of a kernel's parameters.
func parameterSizes(f cu.Function) (sizes []int, err error) {
	for {
		var offset, size C.size_t
		switch status := C.cuFuncGetParamInfo(functionHandle(f), C.size_t(len(sizes)), &offset, &size); status {
		case C.CUDA_SUCCESS:
			sizes = append(sizes, int(size))
		case C.CUDA_ERROR_INVALID_VALUE: // past the last
			return sizes, nil
		default:
			return nil, driverError("cuFuncGetParamInfo", int(status))
		}
	}
}

// beginCapture makes what this thread does on the stream be recorded. In thread-local mode other threads' allocations
// neither fail nor spoil the recording.
func beginCapture(s cu.Stream) error {
	return driverError("cuStreamBeginCapture", int(C.cuStreamBeginCapture(C.CUstream(unsafe.Pointer(s.C())),
		C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)))
}

// recording is what a stream captured. It is destroyed once a graph is made of it.
type recording struct{ graph C.CUgraph }

func endCapture(s cu.Stream) (recording, error) {
	var r recording
	status := C.cuStreamEndCapture(C.CUstream(unsafe.Pointer(s.C())), &r.graph)
	return r, driverError("cuStreamEndCapture", int(status))
}

func (r recording) destroy() error {
	if r.graph == nil {
		return nil
	}
	return driverError("cuGraphDestroy", int(C.cuGraphDestroy(r.graph)))
}

func (r recording) nodes() (int, error) {
	var n C.size_t
	status := C.cuGraphGetNodes(r.graph, nil, &n)
	return int(n), driverError("cuGraphGetNodes", int(status))
}

// executable is a graph that can be launched.
type executable struct{ exec C.CUgraphExec }

func (r recording) instantiate() (executable, error) {
	var x executable
	status := C.cuGraphInstantiateWithFlags(&x.exec, r.graph, 0)
	return x, driverError("cuGraphInstantiateWithFlags", int(status))
}

func (x executable) launch(s cu.Stream) error {
	return driverError("cuGraphLaunch", int(C.cuGraphLaunch(x.exec, C.CUstream(unsafe.Pointer(s.C())))))
}

func (x executable) destroy() error {
	return driverError("cuGraphExecDestroy", int(C.cuGraphExecDestroy(x.exec)))
}

// driverFound is what came of opening the driver and its cuInit; cu's own call of cuInit always succeeds (cuda/driver).
func driverFound() (path string, err error) {
	var cPath, cReason *C.char
	status := int(C.vbge_cuda_driver_status(&cPath, &cReason))
	path, reason := C.GoString(cPath), C.GoString(cReason)
	switch status {
	case 0:
		return path, nil
	case C.VBGE_CUDA_NO_DRIVER:
		return path, fmt.Errorf("%w: %s", ErrNoDriver, reason)
	}
	return path, fmt.Errorf("start the CUDA driver %s: %w", path, initError(status, reason))
}
