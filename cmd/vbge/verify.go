package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/engine/golden"
)

// bounds are how far embeddings made elsewhere may be off; 0 is what the precision allows.
type bounds struct{ difference, cosine float64 }

// orAllowed replaces what is 0.
func (b bounds) orAllowed(e *engine.Engine) bounds {
	allowed := golden.BoundOn(e.Device(), e.Precision())
	return bounds{cmp.Or(b.difference, allowed.Difference), cmp.Or(b.cosine, allowed.Cosine)}
}

func newVerify() *cobra.Command {
	var m modelFlags
	var b bounds
	c := &cobra.Command{
		Use:   "verify VECTORS.jsonl",
		Short: "Compare embeddings made elsewhere with vbge's",
		Long: `Reads lines {"image": "path", "text": "words", "embedding": [...]}, image, text or both,
embeds them, and prints the largest difference and the smallest cosine. The status is 1 where a
line misses a bound or cannot be embedded.`,
		Example: "  vbge verify --model models/base vectors.jsonl",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			file, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			defer file.Close()
			e, err := m.open(c.ErrOrStderr())
			if err != nil {
				return err
			}
			defer e.Close()
			return verify(c.Context(), embedder{e, m.options.Limits}, file, b.orAllowed(e), c.OutOrStdout())
		},
	}
	m.add(c)
	c.Flags().Float64Var(&b.difference, "max-difference", 0, "largest difference allowed in one value; 0 is what the precision allows, 5e-6 on a CPU")
	c.Flags().Float64Var(&b.cosine, "min-cosine", 0, "smallest cosine allowed; 0 is what the precision allows, 0.999999 on a CPU")
	return c
}

func verify(ctx context.Context, e embedder, in io.Reader, b bounds, out io.Writer) error {
	number, missed, compared := 0, 0, 0
	worst, least := 0.0, 1.0
	for lines, err := range chunks(ctx, in, linesAtATime) {
		if err != nil {
			return err
		}
		results, err := e.embedChunk(ctx, lines)
		if err != nil {
			return err
		}
		for i, r := range results {
			number++
			difference, cosine, err := compare(lines[i], r)
			if err == nil {
				compared++
				worst, least = max(worst, difference), min(least, cosine)
				if !(difference <= b.difference) || !(cosine >= b.cosine) {
					err = fmt.Errorf("largest difference %.3g, cosine %.9f", difference, cosine)
				}
			}
			if err != nil {
				missed++
				fmt.Fprintf(out, "line %d: %v\n", number, err)
			}
		}
	}
	if number == 0 {
		return fmt.Errorf("%w: there is no line to compare", errUsage)
	}
	if compared == 0 {
		return fmt.Errorf("%w: none of %d lines could be compared", errSomeFailed, number)
	}
	fmt.Fprintf(out, "%d of %d within bounds: largest difference %.3g (at most %.3g), smallest cosine %.9f (at least %.9f)\n",
		number-missed, number, worst, b.difference, least, b.cosine)
	if missed > 0 {
		return fmt.Errorf("%w: %d of %d lines miss a bound or failed", errSomeFailed, missed, number)
	}
	return nil
}

// compare returns how far the line's embedding is from r's.
func compare(text []byte, r engine.Result) (difference, cosine float64, err error) {
	if r.Err != nil {
		return 0, 0, r.Err
	}
	l, err := parseLine(text)
	if err != nil {
		return 0, 0, err
	}
	if len(l.Embedding) != len(r.Embedding) {
		return 0, 0, fmt.Errorf("the embedding has %d values, the model's have %d", len(l.Embedding), len(r.Embedding))
	}
	var ab, aa, bb float64
	for i, v := range r.Embedding {
		a, b := float64(l.Embedding[i]), float64(v)
		difference = max(difference, math.Abs(a-b))
		ab, aa, bb = ab+a*b, aa+a*a, bb+b*b
	}
	return difference, ab / math.Sqrt(aa*bb), nil
}
