//go:build cuda && cgo

package gpu

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"vbge/cuda"
	"vbge/engine/op"
)

// Built reports whether this build has the CUDA engine.
const Built = true

// Backend is op.Backend, op.Warmer, op.Pipeline and op.Monitor on one device.
type Backend struct {
	options Options
	name    string
	worker  *worker
	failure failure
	machine *machine

	slots    chan *slot    // that no batch is in
	growing  chan struct{} // held by who takes all slots
	capacity extent        // of every slot and the arena; changes only while all slots are held

	closing  sync.Once
	closeErr error
}

var (
	_ op.Warmer   = (*Backend)(nil)
	_ op.Pipeline = (*Backend)(nil)
	_ op.Monitor  = (*Backend)(nil)
)

// New starts the engine on one device: a context, the kernels, a workspace. The memory for batches is taken by Reserve or
// WarmUp, or by the first Run.
func New(o Options) (op.Backend, error) {
	b, err := start(o)
	if err != nil {
		return nil, err
	}
	return b, nil
}

func start(o Options) (*Backend, error) {
	o = o.withDefaults()
	b := &Backend{options: o, name: fmt.Sprintf("cuda:%d", o.Device), machine: &machine{},
		slots: make(chan *slot, slotCount), growing: make(chan struct{}, 1)}
	for range slotCount {
		b.slots <- newSlot(b.machine, !o.NoGraphs)
	}
	b.worker = startWorker(&b.failure, o.Timeout, b.giveBack)
	err := b.worker.do(context.Background(), func() error {
		if err := b.machine.open(o); err != nil {
			return err
		}
		return b.eachSlot((*slot).open)
	})
	if err != nil {
		b.failure.set(err)
		return nil, errors.Join(fmt.Errorf("start the CUDA engine on %s: %w", b.name, outOfMemory(err)), b.Close())
	}
	return b, nil
}

// eachSlot calls f with every slot, all of which are free.
func (b *Backend) eachSlot(f func(*slot) error) error {
	var errs []error
	for range slotCount {
		s := <-b.slots
		errs = append(errs, f(s))
		b.slots <- s
	}
	return errors.Join(errs...)
}

// Name implements op.Backend.
func (b *Backend) Name() string { return b.name }

// Passes implements op.Pipeline.
func (*Backend) Passes() int { return slotCount }

// Ready implements op.Monitor.
func (b *Backend) Ready() error { return b.failure.get() }

// Close implements op.Backend. On a device that has failed it destroys the context as it is. If even that does not return
// within twice Options.Timeout, Close gives up: the device's memory is then free when the process ends.
func (b *Backend) Close() error {
	b.closing.Do(func() { b.closeErr = b.worker.stop() })
	return b.closeErr
}

// giveBack is the worker's last work.
func (b *Backend) giveBack() error {
	var slots []*slot
	for range slotCount {
		slots = append(slots, <-b.slots) // a Run that was answered just now holds one for a moment more
	}
	if b.failure.get() != nil {
		b.machine.abandon()
		return nil
	}
	var errs []error
	for _, s := range slots {
		errs = append(errs, s.close())
	}
	err := errors.Join(append(errs, b.machine.close())...)
	if errors.Is(err, cuda.ErrLost) { // as every single call has said
		return fmt.Errorf("give back what is on %s: %w", b.name, cuda.ErrLost)
	}
	return err
}

// Run implements op.Backend.
func (b *Backend) Run(ctx context.Context, p *op.Pass) error {
	plan, err := b.plan(p)
	if err != nil {
		return err
	}
	s, err := b.take(ctx, extentOf(plan, tokensOf(p)))
	if err != nil {
		return err
	}
	defer func() { b.slots <- s }()
	s.fill(plan)
	if err := b.worker.run(ctx, s); err != nil {
		return err
	}
	return s.fetch(p.Outputs, b.options.Type)
}

func (b *Backend) plan(p *op.Pass) (*Plan, error) {
	if err := p.Err(); err != nil {
		return nil, err
	}
	return NewPlan(p, b.options.Type)
}
