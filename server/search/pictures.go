package search

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"runtime"

	"golang.org/x/sync/semaphore"

	"vbge/engine/pixels"
	"vbge/server/rerank"
)

// DefaultPictureBytes is five JPEGs of twelve megapixels.
const DefaultPictureBytes = 512 << 20

// Pictures decodes what panoramas show, for all searches within one bound of memory, and scales it
// down to what is shown.
type Pictures struct {
	read   func(imagePath string) ([]byte, error)
	limits pixels.Limits
	turns  *semaphore.Weighted // of files in memory: some are read while every core decodes one
	bytes  int64
	free   *semaphore.Weighted // of bytes for decoded samples
}

// NewPictures returns pictures whose files read returns. What is decoded at once takes at most so
// many bytes, by what the headers say; a larger picture is decoded alone. 0 is DefaultPictureBytes.
func NewPictures(read func(imagePath string) ([]byte, error), limits pixels.Limits, bytes int64) *Pictures {
	bytes = cmp.Or(bytes, DefaultPictureBytes)
	turns := semaphore.NewWeighted(2 * int64(runtime.GOMAXPROCS(0)))
	return &Pictures{read: read, limits: limits, turns: turns, bytes: bytes, free: semaphore.NewWeighted(bytes)}
}

// Decode is a Searcher's.
func (p *Pictures) Decode(ctx context.Context, file []byte) (image.Image, error) {
	return p.decode(ctx, file, rerank.ShrinkQuery)
}

// Open is a Searcher's.
func (p *Pictures) Open(ctx context.Context, imagePath string) (image.Image, error) {
	if err := p.turns.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("waiting for its turn: %w", err)
	}
	defer p.turns.Release(1)
	file, err := p.read(imagePath)
	if err != nil {
		return nil, err
	}
	return p.decode(ctx, file, rerank.ShrinkItem)
}

func (p *Pictures) decode(ctx context.Context, file []byte, shrink func(image.Image) *image.RGBA) (image.Image, error) {
	size, err := pixels.DecodedBytesScaled(file, rerank.EnoughSamples, p.limits)
	if err != nil {
		return nil, err
	}
	size = min(3*size, p.bytes) // the samples, and the RGBA that is scaled: 3 and 4 bytes a pixel of a JPEG
	if err := p.free.Acquire(ctx, size); err != nil {
		return nil, fmt.Errorf("waiting for memory to decode it: %w", err)
	}
	defer p.free.Release(size)
	picture, err := pixels.DecodeScaled(file, rerank.EnoughSamples, p.limits)
	if err != nil {
		return nil, err
	}
	return shrink(picture.RGBA()), nil
}
