package engine

import (
	"context"
	"slices"

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
	rehearsals, prepare := rehearsals(c, o), warmer.WarmUp
	if !o.WarmUp {
		rehearsals, prepare = largest(rehearsals), warmer.Reserve
	}
	passes, err := recordAll(m, rehearsals)
	if err != nil {
		return err
	}
	return prepare(context.Background(), passes)
}

// rehearsal is a batch that a device is prepared for, and whether its pictures' patch tokens are kept.
type rehearsal struct {
	model.Batch
	keep []int
}

func recordAll(m *model.Model, rehearsals [][]rehearsal) ([]*op.Pass, error) {
	var passes []*op.Pass
	for _, r := range slices.Concat(rehearsals...) {
		var p op.Pass
		y, kept, err := m.RecordKeeping(&p, r.Batch, r.keep)
		if err != nil {
			return nil, err
		}
		p.Output(y, make([]float32, y.Rows*y.Cols))
		if len(r.keep) > 0 {
			p.Output(kept, make([]float32, kept.Rows*kept.Cols))
		}
		passes = append(passes, &p)
	}
	return passes, nil
}

// largest returns the largest batch of each kind. Mixtures need no more memory.
func largest(rehearsals [][]rehearsal) [][]rehearsal {
	some := make([][]rehearsal, len(rehearsals))
	for i, kind := range rehearsals {
		some[i] = kind[max(len(kind)-1, 0):]
	}
	return some
}

// typicalText is the length of the texts that are warmed up with: a short description.
const typicalText = 16

// rehearsals are batches by kind, one for every size up to the token budget, from small to large: of pictures
// alone, of texts alone, and where there is a cache of pictures that are kept, and of such that were.
func rehearsals(c weights.Config, o Options) [][]rehearsal {
	var pictures, kept, cached, words []rehearsal
	typical := min(typicalText, c.MaxTextTokens(false))
	for _, n := range counts(o.MaxBatchTokens, typical) {
		words = append(words, rehearsal{Batch: texts(n, typical)})
	}
	if !c.TakesPictures() {
		return [][]rehearsal{words}
	}
	perPicture := c.Patches() + 2 // [CLS] [SEP]
	most := o.MaxBatchTokens / perPicture
	pixels := make([]uint8, most*3*c.ImageSize*c.ImageSize)
	patches := make([]float32, most*c.Patches()*c.Text.Hidden)
	for _, n := range counts(o.MaxBatchTokens, perPicture) {
		b, places := texts(n, 2), make([]int, n)
		for i := range n {
			b.Pictures[i], places[i] = i, i
		}
		b.Pixels = pixels[:n*len(pixels)/most]
		pictures = append(pictures, rehearsal{Batch: b})
		kept = append(kept, rehearsal{Batch: b, keep: places})
		b.Pixels, b.Patches = nil, patches[:n*len(patches)/most]
		cached = append(cached, rehearsal{Batch: b})
	}
	if o.PictureCacheBytes > 0 {
		return [][]rehearsal{pictures, kept, cached, words}
	}
	return [][]rehearsal{pictures, words}
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
