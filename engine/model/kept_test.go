package model_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"vbge/engine/golden"
	"vbge/engine/model"
	"vbge/engine/op"
)

// keep embeds the examples as one batch and returns them with their patch tokens.
func keep(t *testing.T, b op.Backend, m *model.Model, examples ...golden.Example) ([][]float32, []golden.Example) {
	t.Helper()
	rows, kept, err := golden.Keep(t.Context(), b, m, examples...)
	if err != nil {
		t.Fatal(err)
	}
	return rows, kept
}

// some returns the set's examples, on ref, which is slow, the first few of each kind.
func some(b op.Backend, s golden.Set) golden.Set {
	if b.Name() != "ref" {
		return s
	}
	return golden.Set{Images: s.Images[:4], Texts: s.Texts[:3], Pairs: s.Pairs[:3]}
}

// TestKept gives a later pass the patch tokens of an earlier one: with the same words, and those of
// pictures alone with a pair's words.
func TestKept(t *testing.T) {
	set, w := read(t, golden.Tiny), convert(t, "tiny")
	eachBackend(t, func(t *testing.T, d device) {
		m, set := load(t, d, w), some(d, set)
		examples := set.All()
		want, kept := keep(t, d, m, examples...)
		compare(t, "kept", d, m, kept)
		worst := 0.0
		for i, row := range embed(t, d, m, kept...) {
			far, _ := golden.Distance(row, want[i])
			worst = max(worst, far)
			if !(far <= d.batch) {
				t.Errorf("%s: %.2g from its embedding by pixels, bound %.2g", kept[i].Name, far, d.batch)
			}
		}
		t.Logf("%d embeddings, %.2g at most from those by pixels", len(want), worst)

		pairs := slices.Clone(set.Pairs)
		alone := slices.Clone(set.Pairs)
		for i := range alone {
			alone[i].IDs = set.Images[0].IDs
		}
		_, alone = keep(t, d, m, alone...)
		for i := range pairs {
			pairs[i].Patches = alone[i].Patches
		}
		compare(t, "pictures kept without words", d, m, pairs)
	})
}

// TestMixedBatches embeds pictures by pixels, by what was kept of them, and texts, in random orders.
func TestMixedBatches(t *testing.T) {
	set, w := read(t, golden.Tiny), convert(t, "tiny")
	eachBackend(t, func(t *testing.T, d device) {
		m := load(t, d, w)
		_, kept := keep(t, d, m, some(d, set).All()...)
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 2))
			mixed := slices.Clone(kept)
			for i := range mixed {
				if r.IntN(2) == 0 {
					mixed[i].Patches = nil
				}
			}
			r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			mixed = mixed[:1+r.IntN(len(mixed))]
			compare(t, "mixed", d, m, mixed)
			_, all := keep(t, d, m, mixed...) // keeps some while others are given
			compare(t, "kept of mixed", d, m, all)
		}
	})
}

// TestRefuses: batches whose parts do not fit together are errors, and so are pictures in any form
// for a model without a vision tower.
func TestRefuses(t *testing.T) {
	w := convert(t, "tiny")
	c := w.Config()
	picture, patches := 3*c.ImageSize*c.ImageSize, c.Patches()*c.Text.Hidden
	batch := func(pixels, values, at int) model.Batch {
		return model.Batch{Pixels: make([]uint8, pixels), Patches: make([]float32, values), IDs: []int32{2, 3},
			Tokens: op.Sequences{0, 2}, Pictures: []int{at}}
	}
	eachBackend(t, func(t *testing.T, d device) {
		m := load(t, d, w)
		for name, c := range map[string]struct {
			batch model.Batch
			keep  []int
			ok    bool
		}{
			"pixels":                     {batch(picture, 0, 0), []int{0}, true},
			"patches":                    {batch(0, patches, 0), nil, true},
			"both":                       {batch(picture, patches, 1), []int{0}, true},
			"a picture twice":            {batch(2*picture, 0, 1), []int{1, 1}, true},
			"part of a picture":          {batch(picture-1, 0, 0), nil, false},
			"part of a patch":            {batch(0, patches-1, 0), nil, false},
			"patches of half a picture":  {batch(0, 3*patches/2, 0), nil, false},
			"no such picture":            {batch(picture, patches, 2), nil, false},
			"no pictures":                {batch(0, 0, 0), nil, false},
			"keep beyond the pictures":   {batch(2*picture, 0, 0), []int{0, 2}, false},
			"keep before the pictures":   {batch(2*picture, 0, 0), []int{-1}, false},
			"keep what was kept already": {batch(picture, patches, 0), []int{1}, false},
		} {
			var p op.Pass
			y, kept, err := m.RecordKeeping(&p, c.batch, c.keep)
			if c.ok != (err == nil) || !c.ok && !errors.Is(err, op.ErrShape) {
				t.Errorf("%s: %v", name, err)
			}
			if c.ok && (y.Rows != 1 || kept.Rows != len(c.keep)*w.Config().Patches()) {
				t.Errorf("%s: %d embeddings, %d rows kept", name, y.Rows, kept.Rows)
			}
		}
	})
}
