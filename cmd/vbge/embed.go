package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/weights/npy"
)

// line is one input of `vbge embed` and `vbge verify`.
type line struct {
	Image     *string   `json:"image"`
	Text      *string   `json:"text"`
	Embedding []float32 `json:"embedding"` // verify only
}

// input reads the picture that l names.
func (l line) input() (engine.Input, error) {
	var in engine.Input
	if l.Image == nil && l.Text == nil {
		return in, errors.New(`give "image", "text", or both`)
	}
	if l.Text != nil {
		in.Text = *l.Text
	}
	if l.Image != nil {
		var err error
		if in.Image, err = os.ReadFile(*l.Image); err != nil {
			return in, err
		}
		if in.Image == nil {
			in.Image = []byte{} // an empty file is a picture that cannot be decoded, not a text
		}
	}
	return in, nil
}

func parseLine(text []byte) (l line, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err = d.Decode(&l); err == nil && d.More() {
		err = errors.New("more than one JSON value on the line")
	}
	return l, err
}

func newEmbed() *cobra.Command {
	var m modelFlags
	var path string
	c := &cobra.Command{
		Use:   "embed",
		Short: "Embed the JSON lines on standard input",
		Long: `Reads lines {"image": "path", "text": "words"}, either or both, and writes a line
{"embedding": [...]} or {"error": "..."} for each, in order; or, with --npy, one array
[lines, dimension] in which a failed line is NaN.`,
		Example: `  echo '{"image": "leopard.jpg", "text": "phone case with this image theme"}' | vbge embed --model models/base`,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			e, err := m.open(c.ErrOrStderr())
			if err != nil {
				return err
			}
			defer e.Close()
			var out sink = &jsonSink{w: bufio.NewWriter(c.OutOrStdout())}
			if path != "" {
				out = &npySink{path: path, dimension: e.Dimension(), log: c.ErrOrStderr()}
			}
			return embedLines(c.Context(), e, c.InOrStdin(), out)
		},
	}
	m.add(c)
	c.Flags().StringVar(&path, "npy", "", "write a NumPy array to this file instead of JSON lines")
	return c
}

// sink takes results in the order of the lines.
type sink interface {
	put(number int, r engine.Result) error
	close() error
}

// linesAtATime bounds the memory of pictures read and not yet embedded.
const linesAtATime = 64

// embedLines returns errSomeFailed if a line failed.
func embedLines(ctx context.Context, e *engine.Engine, in io.Reader, out sink) error {
	failed, total := 0, 0
	for chunk, err := range chunks(in, linesAtATime) {
		if err != nil {
			return errors.Join(err, out.close())
		}
		results, err := embedChunk(ctx, e, chunk)
		if err != nil {
			return errors.Join(err, out.close())
		}
		for _, r := range results {
			total++
			if r.Err != nil {
				failed++
			}
			if err := out.put(total, r); err != nil {
				return err
			}
		}
	}
	if err := out.close(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%w: %d of %d lines failed", errSomeFailed, failed, total)
	}
	return nil
}

// embedChunk embeds what can be read of a chunk; the other lines' results have their errors.
func embedChunk(ctx context.Context, e *engine.Engine, chunk [][]byte) ([]engine.Result, error) {
	results := make([]engine.Result, len(chunk))
	var inputs []engine.Input
	var places []int
	for i, text := range chunk {
		l, err := parseLine(text)
		var in engine.Input
		if err == nil {
			in, err = l.input()
		}
		if err != nil {
			results[i].Err = err
			continue
		}
		inputs, places = append(inputs, in), append(places, i)
	}
	embedded, err := e.Embed(ctx, inputs)
	if err != nil {
		return nil, err
	}
	for j, i := range places {
		results[i] = embedded[j]
	}
	return results, nil
}

// jsonSink writes JSON lines.
type jsonSink struct{ w *bufio.Writer }

func (s *jsonSink) put(_ int, r engine.Result) error {
	var value any = map[string]any{"embedding": r.Embedding}
	if r.Err != nil {
		value = map[string]any{"error": r.Err.Error()}
	}
	if err := json.NewEncoder(s.w).Encode(value); err != nil {
		return fmt.Errorf("write an embedding: %w", err)
	}
	return nil
}

func (s *jsonSink) close() error { return s.w.Flush() }

// npySink collects rows, because an array's header says how many there are.
type npySink struct {
	path      string
	dimension int
	values    []float32
	rows      int
	log       io.Writer
}

func (s *npySink) put(number int, r engine.Result) error {
	s.rows++
	if r.Err == nil {
		s.values = append(s.values, r.Embedding...)
		return nil
	}
	fmt.Fprintf(s.log, "vbge: line %d: %v\n", number, r.Err)
	for range s.dimension {
		s.values = append(s.values, float32(math.NaN()))
	}
	return nil
}

func (s *npySink) close() error {
	return writeNPY(s.path, []int{s.rows, s.dimension}, s.values)
}

func writeNPY(path string, shape []int, values []float32) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write --npy: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := npy.WriteFloat32(f, shape, values); err != nil {
		return fmt.Errorf("write --npy %s: %w", path, err)
	}
	return nil
}
