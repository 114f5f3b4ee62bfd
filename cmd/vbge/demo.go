package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/server/catalog"
	"vbge/server/recall"
	"vbge/server/search"
	"vbge/weights"
)

// demo is the main job, done on the data in docs/demo and checked against what is expected of it.
type demo struct {
	data, out string
	model     modelFlags
}

// expected is docs/demo/expected.json: what the float32 reference reaches, and the least that
// counts as agreement.
type expected struct {
	Text       string         `json:"text"`
	FirstThree []string       `json:"first_three"`
	Reference  []recall.Score `json:"reference"`
	AtLeast    []recall.Score `json:"at_least"`
}

func newDemo() *cobra.Command {
	var d demo
	c := &cobra.Command{
		Use:   "demo",
		Short: "Index the demo's pictures, search them, and check the answers",
		Long: `Converts the demo's checkpoint, indexes its 900 pictures into an embedded Milvus, asks it with
the picture of a leopard and the words "phone case with this image theme", draws the nine best as a
panorama, and measures recall over 448 queries. The status says whether all agree with what the
float32 reference in PyTorch finds.`,
		Example: "  vbge demo",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := d.model.check(); err != nil {
				return err
			}
			return d.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&d.data, "data", "docs/demo", "folder with the demo's data")
	c.Flags().StringVar(&d.out, "out", "build/demo", "folder for the model, the catalogue and the panorama")
	d.model.addEngine(c)
	d.model.addLimits(c)
	return c
}

func (d *demo) run(ctx context.Context, out, log io.Writer) error {
	began := time.Now()
	want, err := d.expected()
	if err != nil {
		return err
	}
	if err := d.convert(ctx, out); err != nil {
		return err
	}
	e, err := d.model.open(log)
	if err != nil {
		return err
	}
	defer e.Close()
	db := catalogFlags{uri: filepath.Join(d.out, "catalog.db")}
	indexing := indexFlags{model: d.model, catalog: db}
	indexing.options.Dir = filepath.Join(d.data, "images")
	indexing.options.Metadata = filepath.Join(d.data, "products.jsonl")
	if err := indexing.run(ctx, e, out, log); err != nil {
		return err
	}
	c, err := catalog.Open(ctx, catalog.Options{URI: db.uri, Model: e.ModelID(), Dimension: e.Dimension()})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := errors.Join(d.leopard(ctx, e, c, want, out, log), d.recall(ctx, e, c, want, out)); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nAll as expected, on device %s, in %.1f s. To search in a browser:\n\n  %s\n", e.Device(), time.Since(began).Seconds(), d.serveCommand())
	return nil
}

// serveCommand is what opens the page on the demo's catalogue, once this process has let go of it.
func (d *demo) serveCommand() string {
	return fmt.Sprintf("%s serve --model %s --uri %s --images %s --examples %s", os.Args[0], d.model.dir,
		filepath.Join(d.out, "catalog.db"), filepath.Join(d.data, "images"), filepath.Join(d.data, "examples.json"))
}

func (d *demo) expected() (want expected, err error) {
	text, err := os.ReadFile(filepath.Join(d.data, "expected.json"))
	if err != nil {
		return want, fmt.Errorf("%w: no demo in --data: %w", errUsage, err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		return want, fmt.Errorf("%s/expected.json: %w", d.data, err)
	}
	return want, os.MkdirAll(d.out, 0o777)
}

// convert makes the model folder, unless an earlier run has.
func (d *demo) convert(ctx context.Context, out io.Writer) error {
	d.model.dir = filepath.Join(d.out, "model")
	config, err := weights.ReadConfig(filepath.Join(d.data, "demo.json"))
	if err != nil {
		return err
	}
	return convertOnce(ctx, filepath.Join(d.data, "demo.pth"),
		weights.ConvertOptions{Vocab: filepath.Join(d.data, "vocab.txt"), Config: &config, Out: d.model.dir}, out)
}

// leopard asks the tutorial's question.
func (d *demo) leopard(ctx context.Context, e *engine.Engine, c catalog.Catalog, want expected, out, log io.Writer) error {
	f := searchFlags{model: d.model, image: filepath.Join(d.data, "leopard.jpg"), panorama: filepath.Join(d.out, "leopard.jpg")}
	f.query = search.Query{Text: want.Text, Limit: 9}
	if err := f.readQuery(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s with %q:\n", f.image, want.Text)
	a, err := f.answer(ctx, e, c)
	if err != nil {
		return err
	}
	if err := f.show(a, out, log); err != nil {
		return err
	}
	fmt.Fprintf(out, "panorama: %s\n", f.panorama)
	first := a.Results[:min(len(a.Results), len(want.FirstThree))]
	for _, path := range want.FirstThree {
		if !slices.ContainsFunc(first, func(r search.Result) bool { return r.ImagePath == filepath.Join(d.data, path) }) {
			return fmt.Errorf("%w: %s is not among the first %d", errSomeFailed, path, len(want.FirstThree))
		}
	}
	return nil
}

// recall measures all queries and prints the shares beside the reference's.
func (d *demo) recall(ctx context.Context, e *engine.Engine, c catalog.Catalog, want expected, out io.Writer) error {
	queries, err := recall.Read(filepath.Join(d.data, "queries.jsonl"))
	if err != nil {
		return err
	}
	scores, err := recall.Measure(ctx, e, c, d.data, queries)
	if err != nil {
		return err
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "query\tn\trecall@1\tPyTorch\trecall@9\tPyTorch\t")
	for _, s := range scores {
		r := of(want.Reference, s.Task)
		fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t\n", s.Task, s.Queries, s.At1, r.At1, s.At9, r.At9)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, least := range want.AtLeast {
		if s := of(scores, least.Task); s.At1 < least.At1 || s.At9 < least.At9 {
			return fmt.Errorf("%w: %s queries: recall@1 %.3f, recall@9 %.3f; at least %.3f and %.3f are expected",
				errSomeFailed, least.Task, s.At1, s.At9, least.At1, least.At9)
		}
	}
	return nil
}

func of(scores []recall.Score, task string) recall.Score {
	for _, s := range scores {
		if s.Task == task {
			return s
		}
	}
	return recall.Score{Task: task}
}
