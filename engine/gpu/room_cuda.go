//go:build cuda && cgo

package gpu

import (
	"context"
	"errors"
	"fmt"

	"vbge/cuda"
	"vbge/engine/op"
)

// holds reports whether a pass that needs other can run in e.
func (e extent) holds(other extent) bool {
	if other.arena > e.arena || other.handoff > e.handoff || other.given > e.given || other.results > e.results || len(other.staging) > len(e.staging) {
		return false
	}
	for i, bytes := range other.staging {
		if bytes > e.staging[i] {
			return false
		}
	}
	return true
}

// tokensOf returns how many words and patches p reads: what --max-batch-tokens counts.
func tokensOf(p *op.Pass) int {
	n := 0
	for _, node := range p.Nodes {
		switch node.Operation.(type) {
		case op.Embedding, op.Patches, op.Given:
			n += node.Out.Rows
		}
	}
	return n
}

// take waits for a slot with room for a pass.
func (b *Backend) take(ctx context.Context, need extent) (*slot, error) {
	for {
		s, err := b.wait(ctx)
		if err != nil {
			return nil, err
		}
		if b.capacity.holds(need) {
			return s, nil
		}
		b.slots <- s
		if err := b.grow(ctx, need); err != nil {
			return nil, err
		}
	}
}

func (b *Backend) wait(ctx context.Context) (*slot, error) {
	if err := b.failure.get(); err != nil {
		return nil, err
	}
	select {
	case s := <-b.slots:
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b.worker.stopped:
		return nil, ErrClosed
	}
}

// holdAll waits until no batch is under way and keeps it so until the returned function is called.
func (b *Backend) holdAll(ctx context.Context) ([]*slot, func(), error) {
	select { // two that want all slots would wait for each other with one slot each
	case b.growing <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	var held []*slot
	release := func() {
		for _, s := range held {
			b.slots <- s
		}
		<-b.growing
	}
	for range slotCount {
		s, err := b.wait(ctx)
		if err != nil {
			release()
			return nil, nil, err
		}
		held = append(held, s)
	}
	return held, release, nil
}

// grow makes room for passes that need that much, besides those that there is room for.
func (b *Backend) grow(ctx context.Context, need extent) error {
	slots, release, err := b.holdAll(ctx)
	if err != nil {
		return err
	}
	defer release()
	want := b.capacity.and(need)
	if b.capacity.holds(want) {
		return nil
	}
	return b.worker.do(ctx, func() error {
		if err := b.failure.get(); err != nil {
			return err
		}
		if err := b.memory(want).Check(); err != nil {
			return err
		}
		err := b.resize(slots, want)
		if err == nil {
			return nil
		}
		err = outOfMemory(err)
		if again := b.resize(slots, b.capacity); again != nil || !errors.Is(err, ErrMemory) {
			b.failure.set(errors.Join(err, again))
		}
		return err
	})
}

// resize replaces the arena and every slot's memory. The old memory goes first: there may not be room for both.
func (b *Backend) resize(slots []*slot, e extent) error {
	m := b.machine
	for _, s := range slots {
		if err := s.release(); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		memory *cuda.Memory
		bytes  int64
	}{{&m.arena, e.arena}, {&m.handoff, e.handoff}} {
		if err := m.device.Release(*part.memory); err != nil {
			return err
		}
		*part.memory = cuda.Memory{}
		var err error
		if *part.memory, err = m.allocate(max(part.bytes, 1)); err != nil {
			return err
		}
	}
	for _, s := range slots {
		if err := s.resize(e); err != nil {
			return err
		}
	}
	b.capacity = e
	return nil
}

// memory is what the device holds with room for e.
func (b *Backend) memory(e extent) Memory {
	m := e.memory()
	m.Device, m.Type = b.name, b.options.Type
	m.Weights, m.Workspace, m.Free = b.machine.weights, b.machine.workspace.Bytes, b.machine.free
	return m
}

// Memory returns the memory plan as it stands.
func (b *Backend) Memory() Memory {
	var m Memory
	_, release, err := b.holdAll(context.Background())
	if err != nil {
		return Memory{Device: b.name, Type: b.options.Type}
	}
	defer release()
	_ = b.worker.do(context.Background(), func() error { // a closed backend has no memory
		m = b.memory(b.capacity)
		return nil
	})
	return m
}

// outOfMemory makes the driver's answer ours.
func outOfMemory(err error) error {
	if errors.Is(err, cuda.ErrOutOfMemory) {
		return fmt.Errorf("%w: lower --max-batch-tokens, or free memory that other programs hold: %w", ErrMemory, err)
	}
	return err
}
