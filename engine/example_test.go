package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"vbge/engine"
	"vbge/tokenizer"
	"vbge/weights"
)

// An application opens the engine once, and calls it from as many goroutines as it likes. Here the model is a small one of
// random weights; engine.Open opens a folder that `vbge convert` wrote.
func Example() {
	config, err := weights.ReadConfig("testdata/reference/tiny.json")
	if err != nil {
		log.Fatal(err)
	}
	words, err := tokenizer.Load("testdata/reference/tiny_vocab.txt")
	if err != nil {
		log.Fatal(err)
	}
	e, err := engine.New(weights.Random(config, 1), words, engine.Options{Device: "ref", PictureCacheBytes: 64 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	picture, err := os.ReadFile("testdata/reference/golden/images/rgb.png")
	if err != nil {
		log.Fatal(err)
	}

	// Any number of inputs, of all kinds. One that cannot be embedded does not disturb the others.
	results, err := e.Embed(context.Background(), []engine.Input{
		{Image: picture},
		{Text: "a red car"},
		{Image: picture, Text: "make the background dark"},
		{Image: []byte("no picture")},
	})
	if err != nil { // of the call as a whole
		log.Fatal(err)
	}
	for _, r := range results {
		fmt.Println(len(r.Embedding), "values of", r.Tokens, "tokens, failed:", r.Err != nil)
	}

	// What somebody waits for goes ahead of what nobody does, and is refused rather than late.
	for _, words := range []string{"make the background dark", "make the background light"} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		results, err = e.Do(ctx, engine.Request{Inputs: []engine.Input{{Image: picture, Text: words}},
			Lane: engine.Interactive, NoWait: true, QueueTimeout: 10 * time.Second})
		cancel()
		switch {
		case errors.Is(err, engine.ErrQueueFull):
			fmt.Println("busy, try again later")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println("picture from the cache:", results[0].Cached)
		}
	}
	// Output:
	// 128 values of 18 tokens, failed: false
	// 128 values of 5 tokens, failed: false
	// 128 values of 22 tokens, failed: false
	// 0 values of 0 tokens, failed: true
	// picture from the cache: false
	// picture from the cache: true
}
