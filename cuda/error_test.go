//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"gorgonia.org/cu"
)

// The numbers are CUresult's in cuda.h.
func TestSentinels(t *testing.T) {
	all := []error{ErrNoDriver, ErrNoDevice, ErrOutOfMemory, ErrLost}
	for code, want := range map[int]error{
		1: nil, 2: ErrOutOfMemory, 34: ErrNoDriver, 46: ErrLost, 100: ErrNoDevice, 101: nil, 209: nil, 214: ErrLost, 500: nil,
		600: nil, 700: ErrLost, 701: nil, 702: ErrLost, 710: ErrLost, 715: ErrLost, 716: ErrLost, 719: ErrLost, 720: nil,
		801: nil, 901: nil, 999: ErrLost,
	} {
		err := doing(driverError("cuSomething", code), "do %d things", 3)
		for _, sentinel := range all {
			if errors.Is(err, sentinel) != (sentinel == want) {
				t.Errorf("code %d is %v: %t", code, sentinel, sentinel != want)
			}
		}
		if !strings.HasPrefix(err.Error(), "do 3 things: cuSomething: ") || !strings.Contains(err.Error(), fmt.Sprint("code ", code)) {
			t.Errorf("code %d reads %q", code, err)
		}
	}
}

func TestFailureKeepsTheCode(t *testing.T) {
	var driver *Error
	if err := failure("cuMemAlloc", cu.OutOfMemory); !errors.As(err, &driver) || driver.Code != 2 || driver.Call != "cuMemAlloc" {
		t.Errorf("cu's error became %v", err)
	}
	if err := failure("cuMemAlloc", io.EOF); !errors.Is(err, io.EOF) {
		t.Errorf("another error became %v", err)
	}
	if failure("cuMemAlloc", nil) != nil || driverError("cuMemAlloc", 0) != nil || doing(nil, "allocate") != nil {
		t.Error("success is an error")
	}
}

// The driver's own names, which a driver that is opened has for every code.
func TestErrorsAreNamed(t *testing.T) {
	needDriver(t)
	var driver *Error
	err := driverError("cuLaunchKernel", 719)
	if !errors.As(err, &driver) || driver.Name != "CUDA_ERROR_LAUNCH_FAILED" || driver.Text == "" {
		t.Errorf("code 719 reads %q", err)
	}
	if err := driverError("cuLaunchKernel", 123456); !errors.As(err, &driver) || driver.Name != "unknown" || driver.Code != 123456 {
		t.Errorf("code 123456 reads %q", err)
	}
}
