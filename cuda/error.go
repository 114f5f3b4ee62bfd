//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/cu"
)

var (
	ErrNoDriver    = errors.New("no CUDA driver")
	ErrNoDevice    = errors.New("no CUDA device")
	ErrOutOfMemory = errors.New("out of device memory")
	ErrOldDriver   = errors.New("the CUDA driver is too old")
	// ErrLost says that the context, and all that it held, is of no use any more: close the device and open it again, or, if that
	// fails too, restart the program.
	ErrLost = errors.New("the CUDA context is lost")
)

// Error is a refusal by the driver. errors.Is finds the sentinel above that its code stands for.
type Error struct {
	Call       string // the driver's function
	Code       int    // CUresult
	Name, Text string // as the driver calls the code and explains it
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s (%s, code %d)", e.Call, e.Text, e.Name, e.Code)
}

// lost are the codes of which cuda.h says that the process, or all work on the context, can go on no longer, and those that
// mean a driver or device that is gone.
var lost = [...]int{
	4,                       // DEINITIALIZED
	46,                      // DEVICE_UNAVAILABLE
	201,                     // INVALID_CONTEXT
	214, 220, 226, 700, 702, // ECC_UNCORRECTABLE, NVLINK_UNCORRECTABLE, CONTAINED, ILLEGAL_ADDRESS, LAUNCH_TIMEOUT
	709, 710, 714, 715, 716, // CONTEXT_IS_DESTROYED, ASSERT, HARDWARE_STACK_ERROR, ILLEGAL_INSTRUCTION, MISALIGNED_ADDRESS
	717, 718, 719, 721, // INVALID_ADDRESS_SPACE, INVALID_PC, LAUNCH_FAILED, TENSOR_MEMORY_LEAK
	805, 806, 810, 911, 999, // MPS_CONNECTION_FAILED, MPS_RPC_FAILURE, MPS_CLIENT_TERMINATED, EXTERNAL_DEVICE, UNKNOWN
}

func (e *Error) Is(target error) bool {
	switch target {
	case ErrNoDriver:
		return e.Code == 34 // STUB_LIBRARY: the toolkit's libcuda.so for linking, no driver
	case ErrNoDevice:
		return e.Code == 100
	case ErrOutOfMemory:
		return e.Code == 2
	case ErrLost:
		return slices.Contains(lost[:], e.Code)
	}
	return false
}

// failure turns what gorgonia.org/cu returned for a call of the driver into an Error.
func failure(call string, err error) error {
	if err == nil {
		return nil
	}
	code, ok := codeOf(cu.Success, err)
	if !ok {
		return fmt.Errorf("%s: %w", call, err)
	}
	return driverError(call, code)
}

// codeOf reads the number out of cu's error type, which has no exported name: it is inferred from a constant.
func codeOf[T interface {
	~int
	error
}](_ T, err error) (code int, ok bool) {
	var result T
	ok = errors.As(err, &result)
	return int(result), ok
}

func driverError(call string, code int) error {
	if code == 0 {
		return nil
	}
	e := &Error{Call: call, Code: code}
	e.Name, e.Text = explain(code)
	return e
}

// initError explains by the reason found when the driver was opened: one that cannot start may not explain its errors either.
func initError(code int, reason string) error {
	name, _ := explain(code)
	return &Error{Call: "cuInit", Code: code, Name: name, Text: reason}
}

// doing says what a call was for. It keeps nil, but its arguments cost an allocation even then: what a batch calls asks first.
func doing(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

func isNotReady(err error) bool {
	e, ok := err.(*Error)
	return ok && e.Code == 600
}
