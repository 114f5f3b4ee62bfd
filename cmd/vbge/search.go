package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/server/catalog"
	"vbge/server/rerank"
	"vbge/server/search"
)

// searchFlags are the flags of `vbge search`.
type searchFlags struct {
	model    modelFlags
	catalog  catalogFlags
	rerank   rerankFlags
	image    string
	images   string
	panorama string
	json     bool
	query    search.Query
}

// rerankFlags say which language model ranks. Its key is never a flag.
type rerankFlags struct {
	model, url, keyFile string
	timeout             time.Duration
}

func (f *rerankFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.model, "rerank-model", rerank.DefaultModel, "model that ranks")
	c.Flags().StringVar(&f.url, "rerank-url", "", "server compatible with OpenAI's chat completions, up to /v1; otherwise $OPENAI_BASE_URL, else OpenAI's")
	c.Flags().StringVar(&f.keyFile, "rerank-key-file", "", "file with the key; otherwise $OPENAI_API_KEY")
	c.Flags().DurationVar(&f.timeout, "rerank-timeout", rerank.DefaultTimeout, "how long the model may take")
}

// open returns a reranker, or why there is none.
func (f *rerankFlags) open() (search.Reranker, error) {
	o, err := rerank.OptionsFromEnvironment(os.Getenv, f.keyFile)
	if err != nil {
		return nil, err
	}
	o.Model, o.Timeout = f.model, f.timeout
	if f.url != "" {
		o.BaseURL = f.url
	}
	r, err := rerank.New(o)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func newSearch() *cobra.Command {
	var f searchFlags
	c := &cobra.Command{
		Use:   "search",
		Short: "Find the pictures nearest to a picture, words, or both",
		Long: `Prints the results in the order found, with their cosine similarity. With --rerank a language
model looks at a panorama of the first nine and chooses the best; if it cannot, the results
are there all the same, with the reason.`,
		Example: `  vbge search --model models/base --image leopard.jpg --text "phone case with this image theme" --limit 9 --panorama out.jpg`,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.readQuery(); err != nil {
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
	f.rerank.add(c)
	c.Flags().StringVar(&f.image, "image", "", "picture to search with")
	c.Flags().StringVar(&f.query.Text, "text", "", "words to search with, or an instruction beside the picture")
	c.Flags().IntVar(&f.query.Limit, "limit", 9, "results wanted")
	c.Flags().StringVar(&f.query.Filter, "filter", "", `Milvus expression over metadata, such as 'kind == "shoe"'`)
	c.Flags().StringVar(&f.panorama, "panorama", "", "draw the first nine results into this JPEG file")
	c.Flags().StringVar(&f.images, "images", "", "folder that image paths are relative to, for a catalogue made with --relative")
	c.Flags().BoolVar(&f.query.Rerank, "rerank", false, "let a language model choose and explain the best of the first nine")
	c.Flags().BoolVar(&f.json, "json", false, "print the answer as JSON")
	return c
}

// readQuery completes the query from what the flags name.
func (f *searchFlags) readQuery() error {
	f.query.Panorama = f.panorama != ""
	if f.query.Limit < 1 || f.query.Limit > catalog.MaxLimit {
		return fmt.Errorf("%w: --limit %d: choose from 1 to %d", errUsage, f.query.Limit, catalog.MaxLimit)
	}
	if f.image == "" {
		if f.query.Text == "" {
			return fmt.Errorf("%w: give --image, --text, or both", errUsage)
		}
		return nil
	}
	if err := f.model.needPictures("--image " + f.image); err != nil {
		return err
	}
	file, err := readPicture(f.image, f.model.options.Limits)
	if err != nil {
		return fmt.Errorf("%w: read --image: %w", errUsage, err)
	}
	f.query.Image = file
	return nil
}

// run opens the catalogue, answers the query, and prints the answer.
func (f *searchFlags) run(ctx context.Context, e *engine.Engine, out, log io.Writer) error {
	o, err := f.catalog.options()
	if err != nil {
		return err
	}
	o.Model, o.Dimension = e.ModelID(), e.Dimension()
	c, err := catalog.Open(ctx, o)
	if err != nil {
		return err
	}
	defer c.Close()
	a, err := f.answer(ctx, e, c)
	if err != nil {
		return err
	}
	// Ctrl-C while a language model thinks loses nothing of what was found.
	return errors.Join(f.show(a, out, log), ctx.Err())
}

func (f *searchFlags) answer(ctx context.Context, e search.Embedder, c catalog.Catalog) (*search.Answer, error) {
	p := search.NewPictures(func(path string) ([]byte, error) {
		if !filepath.IsAbs(path) { // a server's own pictures have absolute paths
			path = filepath.Join(f.images, path)
		}
		return readPicture(path, f.model.options.Limits)
	}, f.model.options.Limits, f.model.options.MaxDecodeBytes)
	s := search.Searcher{Embedder: e, Catalog: c, Decode: p.Decode, Open: p.Open}
	if f.query.Rerank {
		s.Reranker, s.NoRerank = f.rerank.open()
	}
	return s.Search(ctx, f.query)
}

// show prints an answer and writes its panorama.
func (f *searchFlags) show(a *search.Answer, out, log io.Writer) error {
	for _, missing := range a.Missing {
		fmt.Fprintln(log, "vbge: not in the panorama:", printable(missing))
	}
	var unwritten error
	if f.panorama != "" {
		if err := os.WriteFile(f.panorama, a.Panorama, 0o666); err != nil {
			unwritten = fmt.Errorf("write --panorama: %w", err)
		}
	}
	if f.json {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		return errors.Join(encoder.Encode(a), unwritten)
	}
	return errors.Join(printAnswer(out, a, f.query.Rerank), unwritten)
}

// printAnswer writes the results as a table and, where it was asked for, the choice below it.
func printAnswer(out io.Writer, a *search.Answer, reranked bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "#\tscore\timage_path")
	for _, r := range a.Results {
		fmt.Fprintf(w, "%d\t%.4f\t%s\n", r.Rank, r.Score, printable(r.ImagePath))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	var err error
	switch {
	case a.Reranked:
		_, err = fmt.Fprintf(out, "\nreranked: %v\nbest: %d  %s\n%s\n", a.Ranked, *a.Best, printable(a.Results[*a.Best].ImagePath), a.Explanation)
	case reranked:
		_, err = fmt.Fprintf(out, "\nnot reranked: %s\n", a.Reason)
	}
	return err
}
