package search

import (
	"context"
	"fmt"
	"image"
	"runtime/debug"
	"sync"

	"vbge/server/rerank"
)

// shown are the results that the panorama shows and the reranker sees.
func shown(a *Answer) []Result { return a.Results[:min(len(a.Results), rerank.MaxItems)] }

// draw returns the panorama as JPEG and notes what it could not show.
func (s *Searcher) draw(ctx context.Context, q Query, a *Answer) ([]byte, error) {
	var query image.Image
	items := make([]image.Image, len(shown(a)))
	var ofQuery error
	ofItems := make([]error, len(items))

	var opening together
	if q.Image != nil {
		opening.do(func() { query, ofQuery = s.Decode(ctx, q.Image) })
	}
	for i, r := range shown(a) {
		opening.do(func() { items[i], ofItems[i] = s.Open(ctx, r.ImagePath) })
	}
	opening.wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("draw the panorama: %w", ctx.Err())
	}
	if ofQuery != nil { // its vector is there, so its results are worth showing
		a.Missing = append(a.Missing, fmt.Sprintf("the query's picture: %v", ofQuery))
	}
	for i, err := range ofItems {
		if err != nil {
			a.Missing = append(a.Missing, fmt.Sprintf("%s: %v", a.Results[i].ImagePath, err))
			items[i] = nil
		}
	}
	if q.Image == nil || ofQuery != nil {
		query = rerank.Words(q.Text)
	}
	jpeg, err := rerank.EncodeJPEG(rerank.Panorama(query, items))
	if err != nil {
		return nil, fmt.Errorf("encode the panorama: %w", err)
	}
	return jpeg, nil
}

// together does things at once. A panic of one is the caller's, not the process's end.
type together struct {
	group sync.WaitGroup
	first sync.Once
	fault any
}

func (t *together) do(f func()) {
	t.group.Go(func() {
		defer func() {
			if fault := recover(); fault != nil {
				t.first.Do(func() { t.fault = fmt.Sprintf("%v, in another goroutine:\n%s", fault, debug.Stack()) })
			}
		}()
		f()
	})
}

func (t *together) wait() {
	t.group.Wait()
	if t.fault != nil {
		panic(t.fault)
	}
}
