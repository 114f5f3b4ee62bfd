//go:build cuda

package kernels

import (
	"embed"
	"errors"
	"fmt"
	"math"

	"vbge/cuda"
)

//go:embed *.fatbin
var images embed.FS

// Set holds all kernels, loaded into one device's context. Its methods enqueue on a stream and return; they check shapes
// (op.ErrShape) and trust addresses. Like everything of a device's, they are called from its thread.
type Set struct {
	modules         []*cuda.Module
	kernels         map[string]cuda.Kernel
	multiprocessors int
}

// source is a .cu file and the kernels in it.
type source struct {
	file    string
	kernels []string
}

// sources lists what Load loads.
func sources() []source {
	return []source{
		patchesKernels(), geluKernels(), layerNormKernels(), swigluKernels(), assembleKernels(), normaliseKernels(), exportKernels(),
		attentionKernels(), attentionFloat32Kernels(),
	}
}

// everyType returns the names of an operation's kernels: each variant for every storage type.
func everyType(operation string, variants ...string) []string {
	var names []string
	for _, t := range []cuda.Type{cuda.Float32, cuda.BFloat16, cuda.Float16} {
		for _, v := range variants {
			names = append(names, kernelName(operation, t, v))
		}
	}
	return names
}

// kernelName is how X.cu calls an operation's kernel for a storage type; the variant is empty where there is but one.
func kernelName(operation string, t cuda.Type, variant string) string {
	if variant == "" {
		return operation + "_" + t.String()
	}
	return operation + "_" + t.String() + "_" + variant
}

// Load loads every kernel into the device's context, which is current on the calling thread.
func Load(d *cuda.Device) (*Set, error) { return load(d, sources()) }

func load(d *cuda.Device, files []source) (*Set, error) {
	k := &Set{kernels: map[string]cuda.Kernel{}, multiprocessors: d.Properties().Multiprocessors}
	for _, s := range files {
		if err := k.load(d, s); err != nil {
			return nil, errors.Join(fmt.Errorf("kernels of %s.cu: %w", s.file, err), k.Close())
		}
	}
	return k, nil
}

func (k *Set) load(d *cuda.Device, s source) error {
	image, err := images.ReadFile(s.file + ".fatbin")
	if err != nil {
		return err
	}
	m, err := d.LoadModule(image)
	if err != nil {
		return err
	}
	k.modules = append(k.modules, m)
	for _, name := range s.kernels {
		if k.kernels[name], err = m.Kernel(name); err != nil {
			return err
		}
	}
	return nil
}

// Close unloads the kernels; none may be running.
func (k *Set) Close() error {
	var errs []error
	for _, m := range k.modules {
		errs = append(errs, m.Close())
	}
	k.modules = nil
	return errors.Join(errs...)
}

// launch enqueues a kernel; without blocks there is nothing to do.
func (k *Set) launch(s *cuda.Stream, name string, g cuda.Grid, args ...cuda.Argument) error {
	if g.X == 0 {
		return nil
	}
	if err := require(g.X <= math.MaxInt32, "%s in %d blocks", name, g.X); err != nil {
		return err
	}
	kernel, ok := k.kernels[name]
	if !ok {
		return fmt.Errorf("no kernel %s is loaded", name)
	}
	return kernel.Launch(s, g, args...)
}

// blocks is how many blocks of size cover n.
func blocks(n, size int) int { return (n + size - 1) / size }
