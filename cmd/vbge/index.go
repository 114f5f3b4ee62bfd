package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/server/catalog"
	"vbge/server/index"
)

// indexFlags are the flags of `vbge index`.
type indexFlags struct {
	model   modelFlags
	catalog catalogFlags
	options index.Options
}

func newIndex() *cobra.Command {
	var f indexFlags
	c := &cobra.Command{
		Use:   "index DIR",
		Short: "Embed the pictures of a folder into a catalogue",
		Long: `Walks DIR, embeds what is new or changed, and writes a row for each picture: id, image_path,
vector, content hash, and the fields of --metadata. A second run only does what is left to do.
Files that cannot be read are listed at the end, and the status is 1. Ctrl-C finishes the batch
in hand.`,
		Example: "  vbge index images_folder/images --model models/base --uri ./catalog.db --metadata products.jsonl",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if f.options.Batch < 1 {
				return fmt.Errorf("%w: --batch %d is less than 1", errUsage, f.options.Batch)
			}
			f.options.Dir = args[0]
			if err := f.model.needPictures("index pictures"); err != nil {
				return err
			}
			e, err := f.model.open(c.ErrOrStderr())
			if err != nil {
				return err
			}
			defer e.Close()
			return f.run(c.Context(), e, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.model.add(c)
	f.catalog.add(c)
	c.Flags().BoolVar(&f.options.Relative, "relative", false, "keep image paths relative to DIR, not joined with it")
	c.Flags().StringVar(&f.options.Metadata, "metadata", "", "JSON lines with image_path and more fields, for filters and reranking")
	c.Flags().BoolVar(&f.options.Prune, "prune", false, "remove the rows under DIR whose files are gone")
	c.Flags().IntVar(&f.options.Batch, "batch", 32, "pictures embedded and written together")
	return c
}

// run opens the catalogue for writing, indexes, and prints what was done.
func (f *indexFlags) run(ctx context.Context, e *engine.Engine, out, log io.Writer) error {
	if info, err := os.Stat(f.options.Dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%w: %s is no folder that can be read", errUsage, f.options.Dir)
	}
	o, err := f.catalog.options()
	if err != nil {
		return err
	}
	o.Model, o.Dimension, o.Write = e.ModelID(), e.Dimension(), true
	c, err := catalog.Open(ctx, o)
	if err != nil {
		return err
	}
	defer c.Close()

	f.options.Catalog, f.options.Embedder = c, pictureEmbedder{e}
	f.options.MaxFileBytes = f.model.options.Limits.MaxBytes
	bar := newBar(log, "indexing", "pictures")
	f.options.Progress = func(p index.Progress) { bar.set(p.Done, p.Total) }
	began := time.Now()
	report, err := index.Run(ctx, f.options)
	bar.finish()
	for _, s := range report.Skipped {
		fmt.Fprintln(log, "skipped", printable(fmt.Sprintf("%s: %v", s.Path, s.Err)))
	}
	fmt.Fprintf(out, "%d pictures: %d embedded, %d rows written, %d unchanged, %d skipped, %d rows removed, in %.1f s\n",
		report.Found, report.Embedded, report.Written, report.Unchanged, len(report.Skipped), report.Pruned, time.Since(began).Seconds())
	if report.MetadataUnused > 0 {
		fmt.Fprintf(log, "vbge: %d lines of %s are about no picture in %s\n", report.MetadataUnused, f.options.Metadata, f.options.Dir)
	}
	if err != nil {
		return err
	}
	if len(report.Skipped) > 0 {
		return fmt.Errorf("%w: %d of %d pictures skipped", errSomeFailed, len(report.Skipped), report.Found)
	}
	return nil
}

// pictureEmbedder is an engine as package index wants it.
type pictureEmbedder struct{ engine *engine.Engine }

func (p pictureEmbedder) EmbedPictures(ctx context.Context, files [][]byte) ([][]float32, []error) {
	inputs := make([]engine.Input, len(files))
	for i, file := range files {
		inputs[i].Image = file[:len(file):len(file)]
		if file == nil {
			inputs[i].Image = []byte{} // an empty file is no text
		}
	}
	results, err := p.engine.Embed(ctx, inputs)
	vectors, errs := make([][]float32, len(files)), make([]error, len(files))
	for i, r := range results {
		vectors[i], errs[i] = r.Embedding, r.Err
		if err != nil && r.Embedding == nil {
			errs[i] = fmt.Errorf("%w: %w", index.ErrStop, err)
		}
	}
	return vectors, errs
}
