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
	"vbge/engine/pixels"
)

// line is one input of `vbge embed` and `vbge verify`.
type line struct {
	Image     *string   `json:"image"`
	Text      *string   `json:"text"`
	Embedding []float32 `json:"embedding"` // verify only
}

// input reads the picture that l names.
func (l line) input(limits pixels.Limits) (engine.Input, error) {
	var in engine.Input
	if l.Image == nil && l.Text == nil {
		return in, errors.New(`give "image", "text", or both`)
	}
	if l.Text != nil {
		in.Text = *l.Text
	}
	if l.Image != nil {
		var err error
		if in.Image, err = readPicture(*l.Image, limits); err != nil {
			return in, err
		}
	}
	return in, nil
}

func parseLine(text []byte) (l line, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return l, err
	}
	if _, err := d.Token(); err != io.EOF {
		return l, errors.New("there is more than one JSON object on the line")
	}
	return l, nil
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
				file, err := createNPY(path) // before the work, so that a wrong path costs nothing
				if err != nil {
					return err
				}
				out = &npySink{file: file, dimension: e.Dimension(), log: c.ErrOrStderr()}
			}
			return embedLines(c.Context(), embedder{e, m.options.Limits}, c.InOrStdin(), out)
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

// embedder embeds lines, reading the pictures they name.
type embedder struct {
	*engine.Engine
	limits pixels.Limits
}

// embedLines returns errSomeFailed if a line failed.
func embedLines(ctx context.Context, e embedder, in io.Reader, out sink) error {
	failed, total := 0, 0
	for lines, err := range chunks(ctx, in, linesAtATime) {
		if err != nil {
			return errors.Join(err, out.close())
		}
		results, err := e.embedChunk(ctx, lines)
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

// embedChunk embeds what can be read of the lines; the others' results have their errors.
func (e embedder) embedChunk(ctx context.Context, lines [][]byte) ([]engine.Result, error) {
	results := make([]engine.Result, len(lines))
	var inputs []engine.Input
	var places []int
	for i, text := range lines {
		l, err := parseLine(text)
		var in engine.Input
		if err == nil {
			in, err = l.input(e.limits)
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
	file      *os.File
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
	return writeNPY(s.file, []int{s.rows, s.dimension}, s.values)
}
