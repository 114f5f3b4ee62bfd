package engine

import (
	"context"
	"slices"
	"time"

	"vbge/engine/op"
	"vbge/engine/queue"
)

// computeAll computes batches until the queue is stopped. There is one for every pass that can be under
// way, on whatever device is free.
func (e *Engine) computeAll() {
	var memory []item
	var b batch
	for {
		items, device, ok := e.queue.Take(memory)
		if !ok {
			return
		}
		e.compute(&b, items, device)
		clear(items) // pictures and callers' results are not kept from the collector
		memory = items
	}
}

// compute runs one pass and gives its inputs their results.
func (e *Engine) compute(b *batch, items []item, device int) {
	r, began := e.replicas.all[device], time.Now()
	b.fill(items)
	err := e.run(queue.Context(items), r, b)
	ended := time.Now()
	for i := range items {
		w := items[i].Request
		w.results[items[i].Place] = b.result(i, &items[i], began, ended, err)
	}
	if err == nil {
		e.lastPass.Store(&ended)
		for i, key := range b.keys {
			size := len(b.kept) / len(b.keys)
			e.cache.Add(key, slices.Clone(b.kept[i*size:(i+1)*size]))
		}
	}
	if e.options.OnPass != nil {
		e.options.OnPass(PassReport{Device: r.backend.Name(), Inputs: len(items), Tokens: b.tokens, Pictures: b.pictures,
			Cached: b.cached, Duration: ended.Sub(began), Err: err})
	}
	e.queue.Done(items, device, err)
	if failed := e.replicas.ready(); failed != nil {
		e.queue.Stop(failed) // nothing is decoded in vain
	}
}

// result is what became of the batch's input number i. Its embedding has memory of its own: it does not hold
// that of other requests' inputs.
func (b *batch) result(i int, it *item, began, ended time.Time, err error) Result {
	if err != nil {
		return Result{Err: err}
	}
	n := len(b.embeddings) / len(b.Pictures)
	return Result{
		Embedding: slices.Clone(b.embeddings[i*n : (i+1)*n]),
		Tokens:    it.Tokens,
		Cached:    it.Prepared.patches != nil,
		Times: Times{
			Wait:    began.Sub(it.Begun()) - it.Prepared.took,
			Prepare: it.Prepared.took,
			Compute: ended.Sub(began),
		},
	}
}

// run computes b's embeddings, and the patch tokens that are to be kept.
func (e *Engine) run(ctx context.Context, r *replica, b *batch) (err error) {
	defer recovered(&err)
	if err := e.replicas.ready(); err != nil {
		return err
	}
	var pass op.Pass
	y, kept, err := r.model.RecordKeeping(&pass, b.Batch, b.keep)
	if err != nil {
		return err
	}
	b.embeddings = resized(b.embeddings, y.Rows*y.Cols)
	pass.Output(y, b.embeddings)
	if len(b.keep) > 0 {
		b.kept = resized(b.kept, kept.Rows*kept.Cols)
		pass.Output(kept, b.kept)
	}
	return r.backend.Run(ctx, &pass)
}

// resized returns n values, in s's memory where there is room.
func resized(s []float32, n int) []float32 { return slices.Grow(s[:0], n)[:n] }
