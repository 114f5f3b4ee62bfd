//go:build cuda

package kernels

import (
	"embed"
	"errors"
	"fmt"

	"vbge/cuda"
	"vbge/engine/op"
)

//go:embed *.fatbin
var images embed.FS

// Matrix is [Rows, Cols] of a storage type on the device, or float32 where an operation says so.
type Matrix struct {
	At     cuda.Pointer
	Rows   int
	Cols   int
	Stride int // values from one row to the next
}

// Norm is what a layer norm has beside its input.
type Norm struct {
	Gain, Bias cuda.Pointer // float32 [cols]
	Eps        float32
}

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
	return []source{}
}

var types = []cuda.Type{cuda.Float32, cuda.BFloat16, cuda.Float16}

// everyType is operation's kernels for every storage type: operation_f32, and so on, or operation_f32_variant for
// each of the variants.
func everyType(operation string, variants ...string) []string {
	var names []string
	for _, t := range types {
		name := operation + "_" + t.String()
		if len(variants) == 0 {
			names = append(names, name)
		}
		for _, v := range variants {
			names = append(names, name+"_"+v)
		}
	}
	return names
}

// Load loads every kernel into the device's context, which is current on the calling thread.
func Load(d *cuda.Device) (*Set, error) {
	k := &Set{kernels: map[string]cuda.Kernel{}, multiprocessors: d.Properties().Multiprocessors}
	for _, s := range sources() {
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

// launch enqueues a kernel of sources; without blocks there is nothing to do.
func (k *Set) launch(s *cuda.Stream, name string, g cuda.Grid, args ...cuda.Argument) error {
	if g.X == 0 {
		return nil
	}
	g.Y, g.Z = max(g.Y, 1), max(g.Z, 1)
	kernel, ok := k.kernels[name]
	if !ok {
		return fmt.Errorf("no kernel %s is loaded", name)
	}
	if err := kernel.Launch(s, g, args...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// require returns an error about operands that do not fit together unless ok.
func require(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, op.ErrShape)...)
}

// blocks is how many blocks of size cover n.
func blocks(n, size int) int { return (n + size - 1) / size }

// vectors reports whether every row of every matrix consists of whole 16-byte vectors at multiples of 16 bytes, whose
// values kernels may move 16 bytes at a time.
func vectors(t cuda.Type, matrices ...Matrix) bool {
	perVector := 16 / t.Bytes()
	for _, m := range matrices {
		if m.At%16 != 0 || m.Cols%perVector != 0 || m.Rows > 1 && m.Stride%perVector != 0 {
			return false
		}
	}
	return true
}
