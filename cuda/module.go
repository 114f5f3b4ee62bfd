//go:build cuda

package cuda

import (
	"encoding/binary"
	"fmt"
	"slices"

	"gorgonia.org/cu"
)

// Module is compiled code that was loaded into a context.
type Module struct {
	device *Device
	module cu.Module
}

// LoadModule takes a fatbin, a cubin, or PTX text, of which the driver picks or compiles what suits the device.
func (d *Device) LoadModule(image []byte) (*Module, error) {
	if err := whole(image); err != nil {
		return nil, doing(err, "load kernels on CUDA device %d", d.properties.Index)
	}
	// cu wants a string and copies all of it, zeros included; the zero byte that it adds ends PTX text.
	m, err := cu.LoadData(string(image))
	if err != nil {
		p := d.properties
		return nil, doing(failure("cuModuleLoadData", err), "load kernels of %d bytes on CUDA device %d, %s, compute capability %d.%d",
			len(image), p.Index, p.Name, p.Major, p.Minor)
	}
	return &Module{device: d, module: m}, nil
}

// whole refuses what the driver, which is not told the length, would read past the end of. A fatbin begins with a magic number,
// a version, the length of this header, and that of what follows (found by looking: NVIDIA does not document it).
func whole(image []byte) error {
	const header, magic = 16, 0xba55ed50
	if len(image) < header {
		return fmt.Errorf("%d bytes are no compiled code", len(image))
	}
	if binary.LittleEndian.Uint32(image) != magic {
		return nil
	}
	size := uint64(binary.LittleEndian.Uint16(image[6:])) + binary.LittleEndian.Uint64(image[8:])
	if uint64(len(image)) < size {
		return fmt.Errorf("the fatbin of %d bytes is cut off: it has %d", size, len(image))
	}
	return nil
}

// Close unloads the code, which must not be running, nor be part of a graph that will.
func (m *Module) Close() error {
	return doing(failure("cuModuleUnload", m.module.Unload()), "unload kernels of CUDA device %d", m.device.properties.Index)
}

// Kernel finds an entry of the module by the name that it has there: extern "C", or mangled.
func (m *Module) Kernel(name string) (Kernel, error) {
	f, err := m.module.Function(name)
	if err != nil {
		return Kernel{}, doing(failure("cuModuleGetFunction", err), "find kernel %s", name)
	}
	k := Kernel{name: name, function: f, device: m.device}
	for _, a := range []struct {
		attribute cu.FunctionAttribute
		value     *int
	}{
		{cu.NumRegs, &k.registers},
		{cu.SharedSizeBytes, &k.shared},
		{cu.LocalSizeBytes, &k.local},
		{cu.FnMaxThreadsPerBlock, &k.maxThreads},
	} {
		if *a.value, err = f.Attribute(a.attribute); err != nil {
			return Kernel{}, doing(failure("cuFuncGetAttribute", err), "describe kernel %s", name)
		}
	}
	sizes, err := parameterSizes(f)
	if err != nil {
		return Kernel{}, doing(err, "describe kernel %s", name)
	}
	if slices.ContainsFunc(sizes, func(bytes int) bool { return bytes > argumentBytes }) {
		return Kernel{}, fmt.Errorf("kernel %s takes parameters of %v bytes: at most %d can be passed", name, sizes, argumentBytes)
	}
	k.parameters = len(sizes)
	return k, nil
}
