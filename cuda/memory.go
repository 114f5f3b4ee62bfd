//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// Pointer is an address on a device.
type Pointer uint64

// Memory is an allocation on a device, whose content is undefined at first.
type Memory struct {
	Pointer
	Bytes int64
}

// HostMemory is pinned memory of the host, from which and to which the device copies by itself.
type HostMemory struct{ Bytes []byte }

// Free returns the device's memory in bytes, of all programs together.
func (d *Device) Free() (free, total int64, err error) {
	free, total, err = cu.MemInfo()
	return free, total, doing(failure("cuMemGetInfo", err), "ask CUDA device %d for its free memory", d.properties.Index)
}

// Allocate takes memory, aligned to 256 bytes at least. The error is an ErrOutOfMemory if there is not enough.
func (d *Device) Allocate(bytes int64) (Memory, error) {
	if bytes <= 0 {
		return Memory{}, fmt.Errorf("allocate %d bytes on CUDA device %d: ask for at least one", bytes, d.properties.Index)
	}
	p, err := cu.MemAlloc(bytes)
	if err = failure("cuMemAlloc", err); err != nil {
		if errors.Is(err, ErrOutOfMemory) {
			free, total, _ := cu.MemInfo()
			return Memory{}, doing(err, "allocate %d bytes on CUDA device %d, which has %d of %d free",
				bytes, d.properties.Index, free, total)
		}
		return Memory{}, doing(err, "allocate %d bytes on CUDA device %d", bytes, d.properties.Index)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.device[Pointer(p)] = bytes
	d.deviceBytes += bytes
	return Memory{Pointer(p), bytes}, nil
}

// Release gives memory back once the device's earlier work is done. The zero Memory is nothing; one that is not live is an
// error. After ErrLost it counts as released though the driver can say only that the context is lost.
func (d *Device) Release(m Memory) error {
	if m.Pointer == 0 {
		return nil
	}
	d.mu.Lock()
	bytes, live := d.device[m.Pointer]
	delete(d.device, m.Pointer)
	d.deviceBytes -= bytes
	d.mu.Unlock()
	if !live {
		return fmt.Errorf("release %#x on CUDA device %d: it is not allocated there", m.Pointer, d.properties.Index)
	}
	return doing(failure("cuMemFree", cu.MemFree(cu.DevicePtr(m.Pointer))),
		"release %d bytes on CUDA device %d", bytes, d.properties.Index)
}

// AllocateHost takes pinned memory, aligned to a page. Go's collector does not move or free it.
func (d *Device) AllocateHost(bytes int) (HostMemory, error) {
	if bytes <= 0 {
		return HostMemory{}, fmt.Errorf("pin %d bytes for CUDA device %d: ask for at least one", bytes, d.properties.Index)
	}
	p, err := allocateHost(bytes)
	if err != nil {
		return HostMemory{}, doing(err, "pin %d bytes of the host's memory for CUDA device %d", bytes, d.properties.Index)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.host[p] = int64(bytes)
	d.hostBytes += int64(bytes)
	return HostMemory{unsafe.Slice((*byte)(p), bytes)}, nil
}

// ReleaseHost gives pinned memory back, as Release does.
func (d *Device) ReleaseHost(m HostMemory) error {
	if len(m.Bytes) == 0 {
		return nil
	}
	p := unsafe.Pointer(unsafe.SliceData(m.Bytes))
	d.mu.Lock()
	bytes, live := d.host[p]
	delete(d.host, p)
	d.hostBytes -= bytes
	d.mu.Unlock()
	if !live {
		return fmt.Errorf("release pinned memory of CUDA device %d: this is not the start of a live block", d.properties.Index)
	}
	return doing(freeHost(p), "release %d pinned bytes of CUDA device %d", bytes, d.properties.Index)
}

// LiveBytes returns what is allocated and not released, on the device and pinned.
func (d *Device) LiveBytes() (device, host int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.deviceBytes, d.hostBytes
}

// pinned reports whether bytes lie in one block of AllocateHost.
func (d *Device) pinned(bytes []byte) bool {
	from := uintptr(unsafe.Pointer(unsafe.SliceData(bytes)))
	d.mu.Lock()
	defer d.mu.Unlock()
	for p, size := range d.host {
		if start := uintptr(p); start <= from && from+uintptr(len(bytes)) <= start+uintptr(size) {
			return true
		}
	}
	return false
}
