//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"gorgonia.org/cu"
)

// Driver is the driver library that was opened.
type Driver struct {
	Path    string // as it was opened
	Version int    // the newest CUDA that it serves, 1000 major + 10 minor: 13000
}

// LeastVersion is the oldest driver's, 580: older ones run neither what nvcc 13 compiled nor cuBLASLt 13.
const LeastVersion = 13000

// FindDriver opens the driver, at the first call in a program, and initialises it. It returns ErrNoDriver with the loader's
// reason, ErrNoDevice for a driver that has none, ErrOldDriver, or the driver's own error.
func FindDriver() (Driver, error) {
	path, err := driverFound()
	if err != nil {
		return Driver{Path: path}, err
	}
	d := Driver{Path: path, Version: cu.Version()}
	if d.Version < 0 {
		return d, fmt.Errorf("cuDriverGetVersion of %s failed", path)
	}
	n, err := Count()
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: %s has none", ErrNoDevice, path)
	}
	if err == nil {
		err = d.check()
	}
	return d, err
}

func (d Driver) check() error {
	if d.Version >= LeastVersion {
		return nil
	}
	return fmt.Errorf("%w: %s is for CUDA %d.%d, and this build is for %d.%d: install driver 580 or newer",
		ErrOldDriver, d.Path, d.Version/1000, d.Version%1000/10, LeastVersion/1000, LeastVersion%1000/10)
}

// Count returns the number of devices, which is 0 without a driver.
func Count() (int, error) {
	n, err := cu.NumDevices()
	return n, failure("cuDeviceGetCount", err)
}

// Properties are what the driver says about a device. Sizes are in bytes.
type Properties struct {
	Index                      int
	Name                       string
	Major, Minor               int // compute capability
	Memory                     int64
	Multiprocessors            int
	SharedPerBlock             int // what a kernel can be allowed, see Kernel.AllowShared
	SharedPerMultiprocessor    int
	RegistersPerMultiprocessor int
	ThreadsPerMultiprocessor   int
	L2Bytes                    int
	ClockKHz                   int
	MemoryClockKHz             int
	BusBits                    int // width of the memory's bus
}

// sharedPerBlockOptIn is CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, which cu does not name.
const sharedPerBlockOptIn = cu.DeviceAttribute(97)

// Describe asks the driver about a device, counted from 0. It needs no context. Its error is FindDriver's where there is no device.
func Describe(index int) (Properties, error) {
	p := Properties{Index: index}
	if _, err := FindDriver(); err != nil {
		return p, doing(err, "find CUDA device %d", index)
	}
	handle, err := cu.GetDevice(index)
	if err != nil {
		return p, doing(failure("cuDeviceGet", err), "describe CUDA device %d", index)
	}
	if p.Name, err = handle.Name(); err != nil {
		return p, doing(failure("cuDeviceGetName", err), "describe CUDA device %d", index)
	}
	if p.Memory, err = handle.TotalMem(); err != nil {
		return p, doing(failure("cuDeviceTotalMem", err), "describe CUDA device %d", index)
	}
	for _, a := range []struct {
		attribute cu.DeviceAttribute
		value     *int
	}{
		{cu.ComputeCapabilityMajor, &p.Major},
		{cu.ComputeCapabilityMinor, &p.Minor},
		{cu.MultiprocessorCount, &p.Multiprocessors},
		{sharedPerBlockOptIn, &p.SharedPerBlock},
		{cu.MaxSharedMemoryPerMultiprocessor, &p.SharedPerMultiprocessor},
		{cu.MaxRegistersPerMultiprocessor, &p.RegistersPerMultiprocessor},
		{cu.MaxThreadsPerMultiprocessor, &p.ThreadsPerMultiprocessor},
		{cu.L2CacheSize, &p.L2Bytes},
		{cu.ClockRate, &p.ClockKHz},
		{cu.MemoryClockRate, &p.MemoryClockKHz},
		{cu.GlobalMemoryBusWidth, &p.BusBits},
	} {
		if *a.value, err = handle.Attribute(a.attribute); err != nil {
			return p, doing(failure("cuDeviceGetAttribute", err), "describe CUDA device %d, attribute %d", index, a.attribute)
		}
	}
	return p, nil
}

// Device is the primary context of one device, and the count of what was allocated through this Device. CUDA's runtime, which
// cuBLASLt stands on, uses the primary context too: in any other one it is one cudaSetDevice away from working elsewhere.
type Device struct {
	properties Properties
	context    cu.CUContext

	mu                     sync.Mutex
	device                 map[Pointer]int64        // live allocations
	host                   map[unsafe.Pointer]int64 // live pinned blocks
	deviceBytes, hostBytes int64
}

// Open retains a device's primary context and makes it current on the calling thread, to which the caller has locked its goroutine.
func Open(index int) (*Device, error) {
	properties, err := Describe(index)
	if err != nil {
		return nil, err
	}
	context, err := cu.Device(index).RetainPrimaryCtx()
	if err != nil {
		return nil, doing(failure("cuDevicePrimaryCtxRetain", err), "open CUDA device %d, %s", index, properties.Name)
	}
	d := &Device{properties: properties, context: context, device: map[Pointer]int64{}, host: map[unsafe.Pointer]int64{}}
	if err := failure("cuCtxPushCurrent", cu.PushCurrentCtx(context)); err != nil {
		return nil, errors.Join(doing(err, "open CUDA device %d, %s", index, properties.Name), d.Close())
	}
	return d, nil
}

// MakeCurrent makes the context current on another locked thread.
func (d *Device) MakeCurrent() error {
	return doing(failure("cuCtxSetCurrent", cu.SetCurrentContext(d.context)), "use CUDA device %d", d.properties.Index)
}

// Properties returns what Describe said when the device was opened.
func (d *Device) Properties() Properties { return d.properties }

// Close lets the context go. If nobody else in the process retains it, all that is still allocated goes along, which is an
// error: whoever allocated it has lost it.
func (d *Device) Close() error {
	device, host := d.LiveBytes()
	if err := d.release(); err != nil {
		return doing(err, "close CUDA device %d", d.properties.Index)
	}
	d.forget()
	if device != 0 || host != 0 {
		return fmt.Errorf("close CUDA device %d: %d bytes on it and %d pinned bytes were never released",
			d.properties.Index, device, host)
	}
	return nil
}

// release makes the context no longer current on the calling thread, which the driver does not do by itself, and releases it.
func (d *Device) release() error {
	if current, err := cu.CurrentContext(); err == nil && current == d.context {
		if _, err := cu.PopCurrentCtx(); err != nil {
			return failure("cuCtxPopCurrent", err)
		}
	}
	return failure("cuDevicePrimaryCtxRelease", cu.Device(d.properties.Index).ReleasePrimaryCtx())
}

// forget counts nothing as live: it went with the context.
func (d *Device) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.device)
	clear(d.host)
	d.deviceBytes, d.hostBytes = 0, 0
}
