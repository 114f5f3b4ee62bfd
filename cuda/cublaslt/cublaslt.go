//go:build cuda

package cublaslt

/*
#cgo CFLAGS: -I${SRCDIR}/native
#cgo LDFLAGS: -lvbge_cublaslt -lstdc++ -ldl
#include <stdlib.h>
#include "cublaslt.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	"vbge/cuda"
)

// Error is a refusal by cuBLASLt.
type Error struct {
	Status int    // cublasStatus_t, or -1 for a refusal of our own
	Text   string // the function, its status' name and explanation
}

func (e *Error) Error() string { return e.Text + e.advice() }

func (e *Error) advice() string {
	switch e.Status {
	case 1: // NOT_INITIALIZED
		return ": cuBLASLt 13 needs a driver for CUDA 13, 580 or newer"
	case 3: // ALLOC_FAILED
		return ": free memory on the device or the host, for example with fewer tokens in one batch"
	case 8: // ARCH_MISMATCH
		return ": this cuBLASLt is not for this device"
	case 15: // NOT_SUPPORTED
		return ": a larger workspace or another storage type may help"
	}
	return ""
}

// failure returns the reason that the native side kept for a status that is not 0. Its caller is locked to a thread.
func failure(status C.int) error {
	if status == 0 {
		return nil
	}
	return &Error{Status: int(status), Text: C.GoString(C.vbge_cublaslt_error())}
}

// Library is an opened cuBLASLt. It stays open until the program ends.
type Library struct {
	functions C.vbge_cublaslt
	path      string
}

func openNative(path string, l *Library) error {
	cPath := C.CString(path)
	defer C.free(unsafe.Pointer(cPath))
	return failure(C.vbge_cublaslt_open(cPath, &l.functions))
}

// Version returns cuBLASLt's version, 130002 for 13.0.2.
func (l *Library) Version() int { return int(C.vbge_cublaslt_version(&l.functions)) }

// Path returns what was opened.
func (l *Library) Path() string { return l.path }

// Handle makes and queues products in one context. One thread uses it, on which that context is current.
type Handle struct {
	library *Library
	handle  unsafe.Pointer
	plans   map[planned]*Plan
}

// NewHandle makes a handle for the calling thread's current context.
func (l *Library) NewHandle() (*Handle, error) {
	h := &Handle{library: l, plans: map[planned]*Plan{}}
	if err := failure(C.vbge_cublaslt_create(&l.functions, &h.handle)); err != nil {
		return nil, fmt.Errorf("start cuBLASLt %s: %w", l.path, err)
	}
	return h, nil
}

// Close frees the handle and its plans, whose products must be done.
func (h *Handle) Close() error {
	for key, p := range h.plans {
		C.vbge_cublaslt_plan_free(p.plan)
		delete(h.plans, key)
	}
	if err := failure(C.vbge_cublaslt_destroy(&h.library.functions, h.handle)); err != nil {
		return fmt.Errorf("stop cuBLASLt: %w", err)
	}
	return nil
}

// Plan is a product with its algorithm. It belongs to the handle that made it.
type Plan struct {
	product   Product
	limit     int64
	alignment alignments
	plan      *C.vbge_cublaslt_plan
}

// Workspace returns the bytes of workspace that the algorithm uses, at most what Plan was given.
func (p *Plan) Workspace() int64 { return int64(C.vbge_cublaslt_plan_workspace(p.plan)) }

// planned is what a plan depends on.
type planned struct {
	product   Product
	workspace int64
	alignment alignments
}

// Plan chooses an algorithm that needs no more than that many bytes of workspace: the first that cuBLASLt's heuristic offers for
// operands at multiples of 16 bytes. The same product gets the same plan.
func (h *Handle) Plan(p Product, workspace int64) (*Plan, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return h.plan(planned{p, workspace, p.alignments(Operands{})})
}

func (h *Handle) plan(key planned) (*Plan, error) {
	if p := h.plans[key]; p != nil {
		return p, nil
	}
	p, a := key.product, key.alignment
	description := C.vbge_cublaslt_product{
		rows: C.int64_t(p.Rows), out: C.int64_t(p.Out), in: C.int64_t(p.In),
		x_stride: C.int64_t(p.XStride), weight_stride: C.int64_t(p.WeightStride),
		residual_stride: C.int64_t(p.ResidualStride), y_stride: C.int64_t(p.YStride),
		workspace:   C.uint64_t(key.workspace),
		x_alignment: C.uint32_t(a.x), weight_alignment: C.uint32_t(a.weight), bias_alignment: C.uint32_t(a.bias),
		residual_alignment: C.uint32_t(a.residual), y_alignment: C.uint32_t(a.y),
		_type: native(p.Type),
	}
	if p.Bias {
		description.bias = 1
	}
	if p.Residual {
		description.residual = 1
	}
	plan := &Plan{product: p, limit: key.workspace, alignment: a}
	if err := failure(C.vbge_cublaslt_plan_new(&h.library.functions, h.handle, &description, &plan.plan)); err != nil {
		return nil, fmt.Errorf("plan %v within %d bytes of workspace: %w", p, key.workspace, err)
	}
	h.plans[key] = plan
	return plan, nil
}

func native(t cuda.Type) C.int {
	switch t {
	case cuda.BFloat16:
		return C.VBGE_CUBLASLT_BF16
	case cuda.Float16:
		return C.VBGE_CUBLASLT_F16
	}
	return C.VBGE_CUBLASLT_F32
}

// Operands are where a product's matrices are. Bias and Residual are 0 where the product has none; Residual may be Y where their
// strides are the same. Workspace has at least the plan's bytes, and is nobody else's until the product is done.
type Operands struct {
	X, Weight, Bias, Residual, Y cuda.Pointer
	Workspace                    cuda.Memory
}

// Run queues the product on the stream. Operands that are less aligned than the plan assumes get a plan of their own.
func (h *Handle) Run(s *cuda.Stream, p *Plan, o Operands) error {
	if err := p.product.checkOperands(o, p.Workspace()); err != nil {
		return err
	}
	if a := p.product.alignments(o); a != p.alignment {
		var err error
		if p, err = h.plan(planned{p.product, p.limit, a}); err != nil {
			return err
		}
		if err := p.product.checkOperands(o, p.Workspace()); err != nil {
			return err
		}
	}
	operands := C.vbge_cublaslt_operands{
		x: C.uint64_t(o.X), weight: C.uint64_t(o.Weight), bias: C.uint64_t(o.Bias),
		residual: C.uint64_t(o.Residual), y: C.uint64_t(o.Y),
		workspace: C.uint64_t(o.Workspace.Pointer), workspace_bytes: C.size_t(o.Workspace.Bytes),
	}
	if err := failure(C.vbge_cublaslt_run(&h.library.functions, h.handle, p.plan, &operands, s.Handle())); err != nil {
		return fmt.Errorf("run %v: %w", p.product, err)
	}
	return nil
}

// livePlans counts the plans of the process that are not freed.
func livePlans() int { return int(C.vbge_cublaslt_live_plans()) }
