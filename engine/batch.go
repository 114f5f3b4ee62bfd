package engine

import (
	"vbge/engine/model"
	"vbge/engine/patchcache"
)

// batch is the memory of one pass after another.
type batch struct {
	model.Batch
	keep       []int            // places in Pixels of pictures whose patch tokens are wanted
	keys       []patchcache.Key // of those
	tokens     int              // through the text tower
	pictures   int              // through the vision tower
	cached     int              // pictures by their patch tokens
	embeddings []float32        // [inputs, H], of the last pass
	kept       []float32        // [len(keep) x N, H]
}

// fill makes a batch of items. Pictures by their patch tokens count after those by pixels.
func (b *batch) fill(items []item) {
	b.Pixels, b.Patches, b.IDs, b.Pictures = b.Pixels[:0], b.Patches[:0], b.IDs[:0], b.Pictures[:0]
	b.Tokens, b.keep, b.keys = append(b.Tokens[:0], 0), b.keep[:0], b.keys[:0]
	b.tokens, b.pictures, b.cached = 0, 0, 0
	for i := range items {
		p := &items[i].Prepared
		if p.keep && p.pixels != nil {
			b.keep, b.keys = append(b.keep, b.pictures), append(b.keys, p.key)
		}
		if p.pixels != nil {
			b.Pixels = append(b.Pixels, p.pixels...)
			b.pictures++
		}
	}
	place := 0
	for i := range items {
		p := &items[i].Prepared
		switch {
		case p.pixels != nil:
			b.Pictures = append(b.Pictures, place)
			place++
		case p.patches != nil:
			b.Pictures = append(b.Pictures, b.pictures+b.cached)
			b.Patches = append(b.Patches, p.patches...)
			b.cached++
		default:
			b.Pictures = append(b.Pictures, -1)
		}
		b.IDs = append(b.IDs, p.ids...)
		b.Tokens = append(b.Tokens, int32(len(b.IDs)))
		b.tokens += items[i].Tokens
	}
}
