//go:build native && cgo

// Package kerneltest calls the native kernels one by one, for tests: those of each instruction set
// that this processor has, whichever of them the engine would choose.
package kerneltest

/*
#cgo CPPFLAGS: -I${SRCDIR}/../native
#cgo CXXFLAGS: -std=c++17
#cgo LDFLAGS: -L${SRCDIR}/../../../build/cpu -lvbge_cpu -lstdc++
#include <stdlib.h>
#include "kerneltest.h"
*/
import "C"

import (
	"runtime"
	"testing"
	"unsafe"
)

// Table is the kernels of one instruction set.
type Table struct {
	Name  string // "generic", "avx2", "avx512" or "avx512bf16"
	index C.int
}

// Tables lists the tables that this processor can run.
func Tables() []Table {
	var tables []Table
	for i := C.int(0); ; i++ {
		name := C.kerneltest_table(i)
		if name == nil {
			return tables
		}
		tables = append(tables, Table{Name: C.GoString(name), index: i})
	}
}

// Value is of one of the types that kernels take: float32, bfloat16 (its bits), or a byte.
type Value interface{ float32 | uint16 | uint8 }

// Memory is where a row begins, and its type.
type Memory struct {
	first    unsafe.Pointer
	bfloat16 C.int32_t
}

// At returns the memory of a row.
func At[V Value](row []V) Memory {
	m := Memory{first: unsafe.Pointer(unsafe.SliceData(row))}
	if unsafe.Sizeof(row[0]) == 2 {
		m.bfloat16 = 1
	}
	return m
}

// Product is a product's accumulators and what makes values of them; Integers and Scales, or Floats.
type Product struct {
	Floats       []float32
	Integers     []int32
	Bias, Scales []float32
	Sums         []int32
	Scale        float32
	Zero         int32
}

// Call is what a kernel is called with; a kernel uses what it has parameters for.
type Call struct {
	Y, X, Second Memory // Second: of add, or the residual
	N            int
	Gain, Bias   []float32
	Eps          float32
	Product, Up  Product
}

// Run calls the kernel that has this name in kernels.h. Scale and zero are the results of quantise.
func (t Table) Run(tb testing.TB, kernel string, call Call) (scale float32, zero int32) {
	tb.Helper()
	var pinner runtime.Pinner
	defer pinner.Unpin()
	c := C.kerneltest_call{
		y: pinned(&pinner, call.Y.first), x: pinned(&pinner, call.X.first), second: pinned(&pinner, call.Second.first),
		y_type: call.Y.bfloat16, x_type: call.X.bfloat16, second_type: call.Second.bfloat16, n: C.int32_t(call.N),
		gain: floats(&pinner, call.Gain), bias: floats(&pinner, call.Bias), eps: C.float(call.Eps),
		product: call.Product.pinned(&pinner), up: call.Up.pinned(&pinner),
	}
	name := C.CString(kernel)
	defer C.free(unsafe.Pointer(name))
	if C.kerneltest_run(t.index, name, &c) != 0 {
		tb.Fatalf("there is no kernel %s", kernel)
	}
	return float32(c.scale), int32(c.zero)
}

func (p Product) pinned(pinner *runtime.Pinner) C.kerneltest_epilogue {
	acc := unsafe.Pointer(unsafe.SliceData(p.Floats))
	if p.Integers != nil {
		acc = unsafe.Pointer(unsafe.SliceData(p.Integers))
	}
	return C.kerneltest_epilogue{
		acc: pinned(pinner, acc), bias: floats(pinner, p.Bias), scales: floats(pinner, p.Scales),
		sums:  (*C.int32_t)(pinned(pinner, unsafe.Pointer(unsafe.SliceData(p.Sums)))),
		scale: C.float(p.Scale), zero: C.int32_t(p.Zero),
	}
}

func floats(pinner *runtime.Pinner, s []float32) *C.float {
	return (*C.float)(pinned(pinner, unsafe.Pointer(unsafe.SliceData(s))))
}

func pinned(pinner *runtime.Pinner, p unsafe.Pointer) unsafe.Pointer {
	if p != nil {
		pinner.Pin(p)
	}
	return p
}
