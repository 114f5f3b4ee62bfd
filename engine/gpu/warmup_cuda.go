//go:build cuda && cgo

package gpu

import (
	"context"
	"fmt"

	"vbge/engine/op"
)

// Reserve implements op.Warmer.
func (b *Backend) Reserve(ctx context.Context, passes []*op.Pass) error {
	_, err := b.reserve(ctx, passes)
	return err
}

func (b *Backend) reserve(ctx context.Context, passes []*op.Pass) ([]*Plan, error) {
	plans := make([]*Plan, len(passes))
	need := extent{}
	for i, p := range passes {
		var err error
		if plans[i], err = b.plan(p); err != nil {
			return nil, fmt.Errorf("reserve memory: %w", err)
		}
		need = need.and(extentOf(plans[i], tokensOf(p)))
	}
	if err := b.grow(ctx, need); err != nil {
		return nil, fmt.Errorf("reserve memory: %w", err)
	}
	return plans, nil
}

// WarmUp implements op.Warmer. Every pass is computed once, step by step, and then captured for every slot.
func (b *Backend) WarmUp(ctx context.Context, passes []*op.Pass) error {
	plans, err := b.reserve(ctx, passes)
	if err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	slots, release, err := b.holdAll(ctx)
	if err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	defer release()
	for _, s := range slots {
		s.keep(plans)
	}
	for _, p := range plans {
		if err := b.warmUp(ctx, slots, p); err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
	}
	return nil
}

func (b *Backend) warmUp(ctx context.Context, slots []*slot, p *Plan) error {
	first := slots[0]
	first.fill(p)
	if err := b.worker.run(ctx, first); err != nil {
		return err
	}
	return b.worker.do(ctx, func() error {
		for _, s := range slots {
			if err := s.captureAll(p); err != nil {
				b.failure.set(outOfMemory(err)) // graphs take memory too
				return b.failure.get()
			}
		}
		return nil
	})
}
