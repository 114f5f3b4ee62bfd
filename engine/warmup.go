package engine

import (
	"context"

	"vbge/engine/gpu"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/weights"
)

// warmUp lets a backend that gains from it take the memory of the largest passes, and if o asks for it
// prepare a pass of every size that it tells apart.
func warmUp(b op.Backend, m *model.Model, c weights.Config, o Options) error {
	warmer, ok := b.(op.Warmer)
	if !ok {
		return nil
	}
	batches, prepare := sizes(m, c, o.MaxBatchTokens), warmer.WarmUp
	if !o.WarmUp {
		batches, prepare = largest(batches), warmer.Reserve
	}
	passes, err := recordAll(m, batches)
	if err != nil {
		return err
	}
	return prepare(context.Background(), passes)
}

func recordAll(m *model.Model, batches []model.Batch) ([]*op.Pass, error) {
	var passes []*op.Pass
	for _, batch := range batches {
		var p op.Pass
		y, err := m.Record(&p, batch, nil)
		if err != nil {
			return nil, err
		}
		p.Output(y, make([]float32, y.Rows*y.Cols))
		passes = append(passes, &p)
	}
	return passes, nil
}

// largest returns the largest batches of pictures and of texts. Mixtures need no more memory.
func largest(batches []model.Batch) []model.Batch {
	var some []model.Batch
	for i, b := range batches {
		if i+1 == len(batches) || len(batches[i+1].Pixels) < len(b.Pixels) {
			some = append(some, b)
		}
	}
	return some
}

// typicalText is the length of the texts that are warmed up with: a short description.
const typicalText = 16

// sizes are batches of pictures alone, then of texts alone, one for every size up to the token budget,
// from small to large.
func sizes(m *model.Model, c weights.Config, budget int) []model.Batch {
	var all []model.Batch
	if m.TakesPictures() {
		perPicture := c.Patches() + 2 // [CLS] [SEP]
		pixels := make([]uint8, 3*c.ImageSize*c.ImageSize*(budget/perPicture))
		for _, n := range counts(budget, perPicture) {
			b := texts(n, 2)
			b.Pixels = pixels[:3*c.ImageSize*c.ImageSize*n]
			for i := range b.Pictures {
				b.Pictures[i] = i
			}
			all = append(all, b)
		}
	}
	words := min(typicalText, c.MaxTextTokens(false))
	for _, n := range counts(budget, words) {
		all = append(all, texts(n, words))
	}
	return all
}

// counts returns the largest number of inputs, of so many tokens each, for every size that a backend
// tells apart.
func counts(budget, tokens int) []int {
	type size struct{ pictures, rows, sequences int }
	sizeOf := func(n int) size {
		return size{gpu.BucketPictures(n), gpu.Bucket(n * tokens), gpu.BucketSequences(n)}
	}
	var all []int
	for n := 1; n*tokens <= budget; n++ {
		if last := len(all) - 1; last >= 0 && sizeOf(all[last]) == sizeOf(n) {
			all[last] = n
		} else {
			all = append(all, n)
		}
	}
	return all
}

// texts is a batch of n texts of so many tokens, all of them the vocabulary's first.
func texts(n, tokens int) model.Batch {
	b := model.Batch{IDs: make([]int32, n*tokens), Tokens: op.Equal(n, tokens), Pictures: make([]int, n)}
	for i := range b.Pictures {
		b.Pictures[i] = -1
	}
	return b
}
