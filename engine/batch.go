package engine

import "vbge/engine/model"

// batch collects prepared inputs up to a token budget: what a pass costs is its tokens, not its
// inputs.
type batch struct {
	model.Batch
	places   []int // of each input among the results
	budget   int
	tokens   int
	pictures int
}

// fits reports whether p can be added. An empty batch takes any input.
func (b *batch) fits(p prepared) bool {
	return len(b.places) == 0 || b.tokens+p.tokens <= b.budget
}

func (b *batch) add(p prepared, place int) {
	if len(b.Tokens) == 0 {
		b.Tokens = append(b.Tokens, 0)
	}
	picture := -1
	if p.pixels != nil {
		picture = b.pictures
		b.pictures++
		b.Pixels = append(b.Pixels, p.pixels...)
	}
	b.Pictures = append(b.Pictures, picture)
	b.IDs = append(b.IDs, p.ids...)
	b.Tokens = append(b.Tokens, int32(len(b.IDs)))
	b.places = append(b.places, place)
	b.tokens += p.tokens
}
