//go:build cuda && cgo

package gpu

import (
	"errors"
	"fmt"
	"time"

	"vbge/cuda"
	"vbge/cuda/cublaslt"
	"vbge/cuda/kernels"
)

// machine is everything that stands on the device but the slots. It is used on the worker's thread alone.
type machine struct {
	device  *cuda.Device
	kernels *kernels.Set
	blas    *cublaslt.Handle
	copyIn  *cuda.Stream
	compute *cuda.Stream
	copyOut *cuda.Stream

	chunk      cuda.HostMemory // that parameters are uploaded through
	uploaded   *cuda.Event
	parameters []cuda.Memory
	weights    int64 // bytes of parameters
	workspace  cuda.Memory
	arena      cuda.Memory // activations of one segment: one batch computes at a time
	handoff    cuda.Memory // from one segment to the next
	free       int64       // on the device before anything was taken
	timeout    time.Duration

	counts counts
}

// counts are the calls that the steady state must not make.
type counts struct {
	allocations, waits, captures int
}

// open makes a context on the calling thread and loads what every pass needs.
func (m *machine) open(o Options) error {
	m.timeout = o.Timeout
	if _, err := cuda.FindDriver(); err != nil {
		return err
	}
	n, err := cuda.Count()
	if err != nil {
		return err
	}
	if o.Device < 0 || o.Device >= n {
		return fmt.Errorf("%w: there are %d, counted from cuda:0", ErrDevice, n)
	}
	if m.device, err = cuda.Open(o.Device); err != nil {
		return err
	}
	if d := describe(m.device.Properties()); d.Refusal != "" {
		return fmt.Errorf("%s: %w", d, ErrDevice)
	}
	if m.free, _, err = m.device.Free(); err != nil {
		return err
	}
	library, err := cublaslt.Open()
	if err != nil {
		return err
	}
	if m.blas, err = library.NewHandle(); err != nil {
		return err
	}
	if m.kernels, err = kernels.Load(m.device); err != nil {
		return err
	}
	for _, s := range []**cuda.Stream{&m.copyIn, &m.compute, &m.copyOut} {
		if *s, err = m.device.NewStream(); err != nil {
			return err
		}
	}
	if m.uploaded, err = m.device.NewEvent(false); err != nil {
		return err
	}
	if m.chunk, err = m.allocateHost(chunkBytes); err != nil {
		return err
	}
	m.workspace, err = m.allocate(o.Workspace)
	return err
}

// close gives back everything, in the order in which it depends on one another.
func (m *machine) close() error {
	if m.device == nil {
		return nil
	}
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	if m.blas != nil {
		note(m.blas.Close())
	}
	if m.kernels != nil {
		note(m.kernels.Close())
	}
	for _, s := range []*cuda.Stream{m.copyIn, m.compute, m.copyOut} {
		if s != nil {
			s.Close()
		}
	}
	if m.uploaded != nil {
		m.uploaded.Close()
	}
	for _, memory := range append(m.parameters, m.workspace, m.arena, m.handoff) {
		note(m.device.Release(memory))
	}
	note(m.device.ReleaseHost(m.chunk))
	note(m.device.Close())
	return errors.Join(errs...)
}

// abandon destroys the context, and all that is in it: on a device that has failed everything else answers with the
// failure, or waits for a kernel that never ends.
func (m *machine) abandon() {
	if m.device != nil {
		_ = m.device.Close() // it says what was never released, as was meant
	}
}

func (m *machine) allocate(bytes int64) (cuda.Memory, error) {
	m.counts.allocations++
	return m.device.Allocate(bytes)
}

func (m *machine) allocateHost(bytes int) (cuda.HostMemory, error) {
	m.counts.allocations++
	return m.device.AllocateHost(bytes)
}

// wait waits until a stream has done what is enqueued on it, with an event of the caller's. Unlike the driver's own waiting
// it ends when the device hangs.
func (m *machine) wait(s *cuda.Stream, e *cuda.Event) error {
	m.counts.waits++
	if err := s.Record(e); err != nil {
		return err
	}
	for start := time.Now(); ; doze() {
		done, err := e.Done()
		if err != nil || done {
			return err
		}
		if time.Since(start) > m.timeout {
			return fmt.Errorf("%w: waited %v", ErrHung, m.timeout)
		}
	}
}
