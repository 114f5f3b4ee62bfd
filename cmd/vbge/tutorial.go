package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"vbge/server/tutorial"
	"vbge/weights"
)

// tutorialFlags are the flags of `vbge tutorial`.
type tutorialFlags struct {
	files  tutorial.Options
	model  modelFlags
	rerank rerankFlags
	text   string
}

func newTutorial() *cobra.Command {
	var f tutorialFlags
	c := &cobra.Command{
		Use:   "tutorial",
		Short: "Milvus's multimodal RAG tutorial, on the released weights",
		Long: `Downloads the tutorial's pictures, Visualized_base_en_v1.5.pth and the vocabulary (900 MB; a
broken download is resumed), converts, indexes, and searches with leopard.jpg. The results are
reranked if $OPENAI_API_KEY is set.`,
		Example: "  vbge tutorial",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.model.check(); err != nil {
				return err
			}
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&f.files.Dir, "dir", "build/tutorial", "folder for downloads, model, catalogue and panorama")
	c.Flags().StringVar(&f.files.GitHub, "github", tutorial.GitHub, "where the pictures come from")
	c.Flags().StringVar(&f.files.HuggingFace, "huggingface", tutorial.HuggingFace, "where the weights and the vocabulary come from")
	c.Flags().StringVar(&f.files.VocabSHA256, "vocab-sha256", tutorial.VocabSHA256, "what vocab.txt has to be")
	c.Flags().StringVar(&f.text, "text", "phone case with this image theme", "the instruction beside leopard.jpg")
	f.model.addEngine(c)
	f.model.addLimits(c)
	f.rerank.add(c)
	return c
}

func (f *tutorialFlags) run(ctx context.Context, out, log io.Writer) error {
	f.files.Log = out
	var b *bar
	last := ""
	f.files.Progress = func(name string, done, total int64) {
		if name != last {
			b.finish()
			b, last = newBar(log, name, "KiB"), name
		}
		b.set(int(done>>10), int(max(total, done)>>10))
		if done == total { // the next line of the log is not to stand behind it
			b.finish()
			b, last = nil, ""
		}
	}
	files, err := tutorial.Fetch(ctx, f.files)
	b.finish()
	if err != nil {
		return err
	}
	f.model.dir = filepath.Join(f.files.Dir, "model")
	convert := weights.ConvertOptions{Vocab: files.Vocab, Out: f.model.dir}
	if err := convertOnce(ctx, files.Weights, convert, out); err != nil {
		return err
	}
	e, err := f.model.open(log)
	if err != nil {
		return err
	}
	defer e.Close()
	db := catalogFlags{uri: filepath.Join(f.files.Dir, "catalog.db")}
	indexing := indexFlags{model: f.model, catalog: db}
	indexing.options.Dir = files.Images
	// As in the tutorial, a picture that cannot be embedded is reported and skipped.
	if err := indexing.run(ctx, e, out, log); err != nil && !errors.Is(err, errSomeFailed) {
		return err
	}
	searching := searchFlags{model: f.model, catalog: db, rerank: f.rerank, image: files.Query,
		panorama: filepath.Join(f.files.Dir, "combined_image.jpg")}
	searching.query.Text, searching.query.Limit = f.text, 9
	searching.query.Rerank = os.Getenv("OPENAI_API_KEY") != "" || f.rerank.keyFile != ""
	if err := searching.readQuery(); err != nil {
		return err
	}
	if err := searching.run(ctx, e, out, log); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "panorama: %s\n", searching.panorama)
	return err
}
