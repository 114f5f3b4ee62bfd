package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vbge/engine"
	"vbge/engine/pixels"
	"vbge/server/catalog"
	"vbge/server/rerank"
)

// slow takes its time for each step.
type slow struct{ *world }

func (s slow) Embed(ctx context.Context, in []engine.Input) ([]engine.Result, error) {
	time.Sleep(time.Second)
	return s.world.Embed(ctx, in)
}

func (s slow) Search(ctx context.Context, vector []float32, limit int, filter string) ([]catalog.Hit, error) {
	time.Sleep(2 * time.Second)
	return s.world.Search(ctx, vector, limit, filter)
}

func (s slow) Rerank(ctx context.Context, r rerank.Request) (rerank.Ranking, error) {
	time.Sleep(4 * time.Second)
	return s.world.Rerank(ctx, r)
}

// TestTimes: every step has its own, and ten pictures are opened in the time of one.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{hits: 20}
		s := w.searcher()
		s.Embedder, s.Catalog, s.Reranker = slow{w}, slow{w}, slow{w}
		open, decode := s.Open, s.Decode
		s.Open = func(ctx context.Context, path string) (image.Image, error) {
			time.Sleep(3 * time.Second)
			return open(ctx, path)
		}
		s.Decode = func(ctx context.Context, file []byte) (image.Image, error) {
			time.Sleep(3 * time.Second)
			picture, err := decode(ctx, file)
			return picture, errors.Join(err, errPicture) // a uniform picture has no end, which is not the matter here
		}
		a, err := s.Search(t.Context(), Query{Image: []byte("picture"), Text: "words", Limit: 20, Rerank: true})
		if err != nil {
			t.Fatal(err)
		}
		if want := (Times{time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second}); a.Times != want {
			t.Errorf("times %+v, want %+v", a.Times, want)
		}
	})
}

// TestMissingStaysInOrder: who is opened first is not told first.
func TestMissingStaysInOrder(t *testing.T) {
	w := &world{hits: 9, undecodable: true, missing: map[string]error{"1.jpg": errPicture, "5.jpg": errPicture, "8.jpg": errPicture}}
	a, err := w.searcher().Search(t.Context(), Query{Image: []byte("picture"), Limit: 9, Panorama: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(a.Missing); got != "[the query's picture: no picture 1.jpg: no picture 5.jpg: no picture 8.jpg: no picture]" {
		t.Error(got)
	}
}

func TestPanicOfOnePicture(t *testing.T) {
	s := (&world{hits: 9}).searcher()
	s.Open = func(_ context.Context, path string) (image.Image, error) {
		if path == "3.jpg" {
			panic("a decoder's fault")
		}
		return plain(color.White), nil
	}
	defer func() {
		if fault := fmt.Sprint(recover()); !strings.Contains(fault, "a decoder's fault") || !strings.Contains(fault, "draw_test.go") {
			t.Errorf("recovered %q, want the fault with its stack", fault)
		}
	}()
	_, err := s.Search(t.Context(), Query{Text: "words", Limit: 9, Panorama: true})
	t.Errorf("no panic in the caller's goroutine: %v", err)
}

func TestClientThatLeavesWhileItIsDrawn(t *testing.T) {
	s := (&world{hits: 9}).searcher()
	ctx, leave := context.WithCancel(t.Context())
	s.Open = func(ctx context.Context, path string) (image.Image, error) {
		leave()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if a, err := s.Search(ctx, Query{Text: "words", Limit: 9, Panorama: true}); a != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", a, err)
	}
}

// encoded is a PNG of one colour.
func encoded(t *testing.T, width, height int) []byte {
	t.Helper()
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range picture.Pix {
		picture.Pix[i] = [4]uint8{250, 0, 0, 255}[i%4]
	}
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// TestPicturesWithinTheirMemory: of pictures that are each larger than all of it, one after another
// is decoded, many at once are not waiting for each other, and what cannot be decoded gives it back.
func TestPicturesWithinTheirMemory(t *testing.T) {
	file := encoded(t, 40, 30)
	read := func(path string) ([]byte, error) {
		switch path {
		case "absent":
			return nil, errPicture
		case "broken":
			return file[:len(file)/2], nil
		case "text":
			return []byte("words"), nil
		}
		return file, nil
	}
	for _, limit := range []int64{1, 3 * 40 * 30 * 8, 0} {
		p := NewPictures(read, pixels.Limits{}, limit)
		var group sync.WaitGroup
		for i := range 16 {
			path := []string{"good", "absent", "broken", "text"}[i%4]
			group.Go(func() {
				picture, err := p.Open(t.Context(), path)
				if (err == nil) != (path == "good") {
					t.Errorf("%s: %v", path, err)
				}
				if err == nil && (picture.Bounds() != image.Rect(0, 0, 296, 296) || picture.At(100, 100) != color.RGBA{250, 0, 0, 255}) {
					t.Errorf("%v, %v", picture.Bounds(), picture.At(100, 100))
				}
			})
		}
		group.Wait()
		if !p.free.TryAcquire(p.bytes) {
			t.Errorf("limit %d: not everything was given back", limit)
		}
		// Now there is none.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Decode(ctx, file); !errors.Is(err, context.Canceled) {
			t.Errorf("limit %d: decoded without memory: %v", limit, err)
		}
		p.free.Release(p.bytes)
		if query, err := p.Decode(t.Context(), file); err != nil || query.Bounds() != image.Rect(0, 0, 280, 280) {
			t.Errorf("limit %d: query %v, %v", limit, query, err)
		}
	}
	if _, err := NewPictures(read, pixels.Limits{MaxPixels: 1000}, 0).Open(t.Context(), "good"); !errors.Is(err, pixels.ErrTooLarge) {
		t.Errorf("a picture over the limit: %v", err)
	}
}
