//go:build cuda && cgo

package gpu

import (
	"errors"
	"fmt"

	"vbge/cuda"
	"vbge/cuda/cublaslt"
)

// Find looks for the driver, its devices and cuBLASLt. It takes no memory on any device.
func Find() Found {
	var f Found
	reason := func(err error) { f.Reasons = append(f.Reasons, err.Error()) }
	driver, err := cuda.FindDriver()
	if err != nil {
		reason(err)
	}
	if err == nil || errors.Is(err, cuda.ErrNoDevice) || errors.Is(err, cuda.ErrOldDriver) {
		f.Driver, f.DriverVersion = driver.Path, driver.Version
	}
	if err == nil {
		if f.Devices, err = devices(); err != nil {
			reason(err)
		}
	}
	if library, err := cublaslt.Open(); err != nil {
		reason(err)
	} else {
		f.CuBLASLt, f.CuBLASLtVersion = library.Path(), library.Version()
	}
	if len(f.Reasons) == 0 && len(f.Usable()) == 0 {
		f.Reasons = append(f.Reasons, "none of the GPUs can be used")
	}
	return f
}

func devices() ([]Device, error) {
	n, err := cuda.Count()
	if err != nil {
		return nil, err
	}
	found := make([]Device, n)
	for i := range found {
		p, err := cuda.Describe(i)
		if err != nil {
			return nil, err
		}
		found[i] = describe(p)
	}
	return found, nil
}

func describe(p cuda.Properties) Device {
	d := Device{Index: p.Index, Name: p.Name, Major: p.Major, Minor: p.Minor, Memory: p.Memory, Multiprocessors: p.Multiprocessors}
	if p.Major < LeastMajor {
		d.Refusal = fmt.Sprintf("compute capability %d.%d, the kernels need %d.0 or newer", p.Major, p.Minor, LeastMajor)
	}
	return d
}
