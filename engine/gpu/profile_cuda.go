//go:build cuda && cgo

package gpu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"vbge/cuda"
	"vbge/engine/op"
)

// profileRounds is how often each step is timed; the shortest time counts.
const profileRounds = 5

// Profile times every step of a pass alone, with events around it, while nothing else is on the device. With flushL2 the
// level 2 cache is overwritten before each step, so that its operands come from memory; without, they are where
// the step before left them, and steps shorter than a launch on the host, some microseconds, seem as long as it.
func (b *Backend) Profile(ctx context.Context, p *op.Pass, flushL2 bool) ([]StepTime, error) {
	plan, err := b.plan(p)
	if err != nil {
		return nil, err
	}
	s, err := b.take(ctx, extentOf(plan, tokensOf(p))) // makes room
	if err != nil {
		return nil, err
	}
	b.slots <- s
	slots, release, err := b.holdAll(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	first := slots[0]
	first.fill(plan)
	if err := b.worker.run(ctx, first); err != nil { // loads what is loaded at the first launch
		return nil, err
	}
	var times []StepTime
	err = b.worker.do(ctx, func() error {
		var err error
		if times, err = b.machine.profile(first, flushL2); err != nil && !errors.Is(err, cuda.ErrOutOfMemory) {
			b.failure.set(err)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return times, nil
}

// profile runs on the worker's thread, after the slot's pass has run once.
func (m *machine) profile(s *slot, flushL2 bool) (times []StepTime, err error) {
	t := timer{machine: m}
	defer t.close()
	if err := t.open(flushL2); err != nil {
		return nil, err
	}
	for round := range profileRounds {
		i := 0
		for _, segment := range s.plan.Segments {
			l := launcher{s, segment.Region, m.compute}
			for _, step := range segment.Steps {
				took, err := t.time(func() error { return l.step(step) })
				if err != nil {
					return nil, fmt.Errorf("step %d, %s: %w", i, step.Kind(), err)
				}
				if round == 0 {
					times = append(times, StepTime{Step: step, Time: math.MaxInt64})
				}
				times[i].Time = min(times[i].Time, took)
				i++
			}
		}
	}
	return times, nil
}

// timer measures what is enqueued on the computing stream.
type timer struct {
	*machine
	start, end *cuda.Event
	flush      cuda.Memory // overwritten before each measurement; the zero Memory for none
}

func (t *timer) open(flushL2 bool) error {
	var err error
	if t.start, err = t.device.NewEvent(true); err != nil {
		return err
	}
	if t.end, err = t.device.NewEvent(true); err != nil {
		return err
	}
	if flushL2 {
		t.flush, err = t.allocate(2 * int64(max(t.device.Properties().L2Bytes, 1<<20)))
	}
	return err
}

func (t *timer) time(enqueue func() error) (time.Duration, error) {
	if err := t.compute.Fill(t.flush.Pointer, 0, t.flush.Bytes); err != nil {
		return 0, err
	}
	if err := t.compute.Record(t.start); err != nil {
		return 0, err
	}
	if err := enqueue(); err != nil {
		return 0, err
	}
	if err := t.wait(t.compute, t.end); err != nil {
		return 0, err
	}
	return t.end.Since(t.start)
}

func (t *timer) close() {
	for _, e := range []*cuda.Event{t.start, t.end} {
		if e != nil {
			e.Close()
		}
	}
	_ = t.device.Release(t.flush) // the device's failure has been seen by now
}
