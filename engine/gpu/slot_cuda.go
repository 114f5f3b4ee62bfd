//go:build cuda && cgo

package gpu

import (
	"encoding/binary"
	"errors"
	"fmt"

	"vbge/cuda"
	"vbge/engine/arena"
	"vbge/engine/op"
)

// slot is one batch's way through the device: pinned memory that it is sent from and that its results arrive in, their
// places on the device, and the graphs that are captured with these places.
type slot struct {
	machine *machine
	graphs  *graphs // nil: launch step by step

	in, out             cuda.HostMemory
	deviceIn, deviceOut cuda.Memory
	regions             []int64 // offset of each segment's staging block in in and deviceIn
	given               int64   // offset there of what passes are given
	copiedIn, computed  *cuda.Event
	copiedOut           *cuda.Event

	plan      *Plan
	sent      []int64    // bytes of each segment's block
	sentGiven int64      // bytes of what the pass is given
	reply     chan error // one answer for every batch
}

func newSlot(m *machine, capture bool) *slot {
	s := &slot{machine: m, reply: make(chan error, 1)}
	if capture {
		s.graphs = newGraphs()
	}
	return s
}

func (s *slot) open() error {
	for _, e := range []**cuda.Event{&s.copiedIn, &s.computed, &s.copiedOut} {
		var err error
		if *e, err = s.machine.device.NewEvent(false); err != nil {
			return err
		}
	}
	return nil
}

// fill makes p the slot's batch: it writes what p's segments read to the pinned memory. It runs on the caller's goroutine.
func (s *slot) fill(p *Plan) {
	s.plan, s.sent = p, s.sent[:0]
	s.sentGiven = p.Given.Fill(s.in.Bytes[s.given:])
	for _, segment := range p.Segments {
		s.sent = append(s.sent, segment.Input.Fill(s.in.Bytes[s.regions[segment.Region]:]))
	}
}

// enqueue puts the batch on the three streams. Nothing here waits for the device.
func (s *slot) enqueue() error {
	m := s.machine
	for i, segment := range s.plan.Segments {
		if err := s.send(s.regions[segment.Region], s.sent[i]); err != nil {
			return err
		}
	}
	if s.sentGiven > 0 {
		if err := s.send(s.given, s.sentGiven); err != nil {
			return err
		}
	}
	if err := handOver(m.copyIn, s.copiedIn, m.compute); err != nil {
		return err
	}
	for _, segment := range s.plan.Segments {
		if err := s.launch(segment); err != nil {
			return err
		}
	}
	if err := handOver(m.compute, s.computed, m.copyOut); err != nil {
		return err
	}
	if err := m.copyOut.CopyOut(s.out.Bytes[:s.plan.Results], s.deviceOut.Pointer); err != nil {
		return fmt.Errorf("fetch a batch's results: %w", err)
	}
	return m.copyOut.Record(s.copiedOut)
}

// send enqueues the copy of that many bytes of in, from at on.
func (s *slot) send(at, bytes int64) error {
	if err := s.machine.copyIn.CopyIn(s.deviceIn.Pointer+cuda.Pointer(at), s.in.Bytes[at:at+bytes]); err != nil {
		return fmt.Errorf("send a batch: %w", err)
	}
	return nil
}

// handOver makes what is enqueued on the second stream from now on wait for what is on the first.
func handOver(from *cuda.Stream, e *cuda.Event, to *cuda.Stream) error {
	if err := from.Record(e); err != nil {
		return err
	}
	return to.Wait(e)
}

// launch enqueues one segment, as a graph if there is one. The first time it is launched step by step, since the driver
// and cuBLASLt load kernels at their first launch, which they may not do while a graph is captured.
func (s *slot) launch(segment Segment) error {
	if s.graphs == nil {
		return s.steps(segment)
	}
	if g := s.graphs.get(segment.Key); g != nil {
		return g.Launch(s.machine.compute)
	}
	if err := s.steps(segment); err != nil {
		return err
	}
	return s.capture(segment)
}

// keep makes room for the graphs of plans, so that none is dropped for another.
func (s *slot) keep(plans []*Plan) {
	if s.graphs == nil {
		return
	}
	keys := map[string]bool{}
	for _, p := range plans {
		for _, segment := range p.Segments {
			keys[segment.Key] = true
		}
	}
	s.graphs.most = len(keys) + spareGraphs
}

func (s *slot) captureAll(p *Plan) error {
	if s.graphs == nil {
		return nil
	}
	for _, segment := range p.Segments {
		if err := s.capture(segment); err != nil {
			return err
		}
	}
	return nil
}

// capture records segment as a graph unless it is already. Its kernels have been launched before.
func (s *slot) capture(segment Segment) error {
	if s.graphs.get(segment.Key) != nil {
		return nil
	}
	s.machine.counts.captures++
	g, err := s.machine.compute.Capture(func() error { return s.steps(segment) })
	if err != nil {
		return err
	}
	return s.graphs.add(segment.Key, g)
}

// address returns where a place of a segment is.
func (s *slot) address(p Place, region int) cuda.Pointer {
	at := cuda.Pointer(p.Offset)
	switch p.Space {
	case Arena:
		return s.machine.arena.Pointer + at
	case Handoff:
		return s.machine.handoff.Pointer + at
	case Staging:
		return s.deviceIn.Pointer + cuda.Pointer(s.regions[region]) + at
	case Given:
		return s.deviceIn.Pointer + cuda.Pointer(s.given) + at
	case Results:
		return s.deviceOut.Pointer + at
	case Parameters:
		return at
	}
	return 0
}

// infinity is float32's exponent, all ones in infinities and NaNs alone.
const infinity = 0x7f800000

// fetch fills the outputs from the pinned memory, all of them or, if any value is not finite, none. It runs on the caller's
// goroutine.
func (s *slot) fetch(outputs []op.Output, t cuda.Type) error {
	for _, o := range s.plan.Outputs {
		values := s.results(o)
		for i := 0; i < len(values); i += 4 {
			if binary.LittleEndian.Uint32(values[i:])&infinity == infinity {
				return notFinite(o, i/4, t)
			}
		}
	}
	for _, o := range s.plan.Outputs {
		cuda.Widen(cuda.Float32, outputs[o.Index].Into, s.results(o))
	}
	return nil
}

func (s *slot) results(o Output) []byte {
	return s.out.Bytes[o.Place.Offset:][:4*o.Rows*o.Cols]
}

func notFinite(o Output, i int, t cuda.Type) error {
	advice := "the weights or the device are broken"
	if t == cuda.Float16 {
		advice = "float16 ends at 65504: choose --precision bfloat16"
	}
	return fmt.Errorf("output %d, row %d, value %d: %w: %s", o.Index, i/max(o.Cols, 1), i%max(o.Cols, 1), ErrNotFinite, advice)
}

// resize replaces the slot's memory, on the worker's thread, while no batch is in the slot. The graphs hold the old places.
func (s *slot) resize(e extent) error {
	if err := s.release(); err != nil {
		return err
	}
	s.regions = s.regions[:0]
	staging := int64(0)
	for _, bytes := range e.staging {
		s.regions = append(s.regions, staging)
		staging += int64(arena.RoundUp(int(bytes), alignment))
	}
	s.given = staging
	staging += e.given
	var err error
	if s.in, err = s.machine.allocateHost(int(max(staging, 1))); err != nil {
		return err
	}
	if s.deviceIn, err = s.machine.allocate(max(staging, 1)); err != nil {
		return err
	}
	if s.out, err = s.machine.allocateHost(int(max(e.results, 1))); err != nil {
		return err
	}
	s.deviceOut, err = s.machine.allocate(max(e.results, 1))
	return err
}

// release gives back the slot's memory and the graphs that use it.
func (s *slot) release() error {
	d := s.machine.device
	var errs []error
	if s.graphs != nil {
		errs = append(errs, s.graphs.clear())
	}
	errs = append(errs, d.ReleaseHost(s.in), d.Release(s.deviceIn), d.ReleaseHost(s.out), d.Release(s.deviceOut))
	s.in, s.out, s.deviceIn, s.deviceOut = cuda.HostMemory{}, cuda.HostMemory{}, cuda.Memory{}, cuda.Memory{}
	return errors.Join(errs...)
}

func (s *slot) close() error {
	if s.machine.device == nil {
		return nil
	}
	err := s.release()
	for _, e := range []*cuda.Event{s.copiedIn, s.computed, s.copiedOut} {
		if e != nil {
			e.Close()
		}
	}
	return err
}
