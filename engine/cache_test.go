package engine_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"golang.org/x/sync/errgroup"

	"vbge/engine"
	"vbge/engine/golden"
)

// ask embeds one input in the interactive lane.
func ask(t *testing.T, e *engine.Engine, in engine.Input) engine.Result {
	t.Helper()
	results, err := e.Do(t.Context(), engine.Request{Inputs: []engine.Input{in}, Lane: engine.Interactive, NoWait: true})
	if err := errors.Join(err, results[0].Err); err != nil {
		t.Fatal(err)
	}
	return results[0]
}

// TestCachedPictures: with patch tokens from the cache an embedding is what it is without, and neither words nor lane decide
// whether they are found.
func TestCachedPictures(t *testing.T) {
	all := readGolden(t).examples(t)
	dir := convertTiny(t)
	for _, device := range devices() {
		t.Run(device, func(t *testing.T) {
			o, bound, fresh, again := on(device), boundsOf(device), 0.0, 0.0
			o.PictureCacheBytes = 1 << 20
			passes := make(chan engine.PassReport, 1000)
			o.OnPass = func(r engine.PassReport) { passes <- r }
			e, plain := open(t, dir, o), open(t, dir, on(device))
			seen := map[string]bool{}
			for _, x := range some(device, all) {
				want := embed(t, plain, x.input)[0]
				for range 2 {
					got := ask(t, e, x.input)
					picture := string(x.input.Image)
					if got.Cached != (picture != "" && seen[picture]) {
						t.Errorf("%s: cached is %v", x.name, got.Cached)
					}
					report := <-passes
					if pictures := report.Pictures + report.Cached; got.Cached != (report.Cached == 1) || (picture != "") != (pictures == 1) {
						t.Errorf("%s: cached is %v, and its pass %+v", x.name, got.Cached, report)
					}
					seen[picture] = picture != ""
					d, _ := golden.Distance(got.Embedding, want)
					if got.Cached {
						again = max(again, d)
					} else {
						fresh = max(fresh, d)
					}
					if far, cosine := golden.Distance(got.Embedding, x.want); !(d <= bound.batch) || !(far <= bound.difference) || !(cosine >= bound.cosine) {
						t.Errorf("%s: cached is %v, %.2g off from an engine without a cache, %.2g from the original", x.name, got.Cached, d, far)
					}
				}
			}
			s := e.Stats()
			t.Logf("largest difference %.2g as they are kept, %.2g by what was kept, bound %.2g; %+v", fresh, again, bound.batch, s)
			if s.CacheHits == 0 || s.CacheMisses != int64(s.CacheEntries) || s.CacheBytes < int64(s.CacheEntries)*16*128*4 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestCacheBound: a cache of two pictures holds the last two; Bulk finds what is there, and leaves nothing.
func TestCacheBound(t *testing.T) {
	o := on("ref")
	o.PictureCacheBytes = 2*(16*128*4) + 1000
	e := open(t, convertTiny(t), o)
	files := []string{"rgb.png", "rgba.png", "palette.bmp", "gray16.png"}
	image := func(i int) engine.Input { return engine.Input{Image: readImage(t, files[i])} }
	bulk := func(i int) bool {
		results, err := e.Embed(t.Context(), []engine.Input{image(i)})
		if err := errors.Join(err, results[0].Err); err != nil {
			t.Fatal(err)
		}
		return results[0].Cached
	}
	bulk(0)
	if bulk(0) {
		t.Error("bulk has filled the cache")
	}
	for i, step := range []struct {
		picture int
		want    bool
	}{{0, false}, {1, false}, {0, true}, {2, false}, {1, false}, {2, true}, {1, true}, {0, false}} {
		if got := ask(t, e, image(step.picture)).Cached; got != step.want {
			t.Errorf("step %d: %s cached is %v", i, files[step.picture], got)
		}
	}
	if first, second := bulk(3), bulk(3); !bulk(1) || first || second {
		t.Error("bulk does not look, or leaves something")
	}
	if s := e.Stats(); s.CacheEntries != 2 || s.CacheBytes > o.PictureCacheBytes {
		t.Errorf("%+v", s)
	}
}

// TestSharedBatches: inputs of both lanes and of several calls, some by kept patch tokens, are one another's neighbours in
// batches, and each embedding is the original's.
func TestSharedBatches(t *testing.T) {
	all := readGolden(t).examples(t)
	dir := convertTiny(t)
	for _, device := range devices() {
		t.Run(device, func(t *testing.T) {
			examples, bound := some(device, all), boundsOf(device)
			o := on(device)
			o.PictureCacheBytes = 100_000
			e := open(t, dir, o)
			worst := make([]float64, 6)
			var callers errgroup.Group
			for caller := range worst {
				r := rand.New(rand.NewPCG(7, uint64(caller)))
				callers.Go(func() error {
					order := r.Perm(len(examples))
					for len(order) > 0 {
						n := min(1+r.IntN(5), len(order))
						var in []engine.Input
						for _, i := range order[:n] {
							in = append(in, examples[i].input)
						}
						results, err := e.Do(t.Context(), engine.Request{Inputs: in, Lane: engine.Lane(caller % 2)})
						if err != nil {
							return err
						}
						for i, got := range results {
							x := examples[order[i]]
							d, cosine := golden.Distance(got.Embedding, x.want)
							worst[caller] = max(worst[caller], d)
							if got.Err != nil || !(d <= bound.difference) || !(cosine >= bound.cosine) {
								t.Errorf("%s: %.2g from the original, error %v", x.name, d, got.Err)
							}
						}
						order = order[n:]
					}
					return nil
				})
			}
			if err := callers.Wait(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d inputs by each of %d callers: largest differences from the original %.2g, bound %.2g; %+v",
				len(examples), len(worst), worst, bound.difference, e.Stats())
		})
	}
}
