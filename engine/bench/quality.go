package bench

import (
	"context"
	"fmt"
	"slices"

	"vbge/engine"
	"vbge/engine/golden"
	"vbge/engine/model"
	"vbge/weights"
)

// Golden embeds the golden inputs of the full-size model with random weights, and returns its vectors and the
// original's, which are in float32. reference is the folder engine/testdata/reference.
func Golden(ctx context.Context, o engine.Options, reference string) (got, want [][]float32, err error) {
	set, err := golden.Base(reference)
	if err != nil {
		return nil, nil, err
	}
	b, modelOptions, err := engine.OpenDevice(o)
	if err != nil {
		return nil, nil, err
	}
	defer b.Close()
	m, err := model.Load(b, weights.Random(weights.Base(), 0), modelOptions)
	if err != nil {
		return nil, nil, err
	}
	const atATime = 8
	for some := range slices.Chunk(set.All(), atATime) {
		rows, err := golden.Embed(ctx, b, m, some...)
		if err != nil {
			return nil, nil, fmt.Errorf("embed the golden inputs: %w", err)
		}
		got = append(got, rows...)
		for _, x := range some {
			want = append(want, x.Want)
		}
	}
	return got, want, nil
}
