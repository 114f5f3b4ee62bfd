// Package tutorial brings in what Milvus's multimodal RAG tutorial works on: its archive of
// pictures, the released Visualized-BGE weights and the vocabulary of their text model.
package tutorial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// The hosts and paths are those of https://milvus.io/docs/multimodal_rag_with_milvus.md; the
// vocabulary comes from the model that its encoder is told to load.
const (
	GitHub      = "https://github.com"
	HuggingFace = "https://huggingface.co"

	archivePath = "/milvus-io/bootcamp/releases/download/data/amazon_reviews_2023_subset.tar.gz"
	weightsPath = "/BAAI/bge-visualized/resolve/main/Visualized_base_en_v1.5.pth"
	vocabPath   = "/BAAI/bge-base-en-v1.5/resolve/main/vocab.txt"

	// VocabSHA256 is the sum of bge-base-en-v1.5's vocab.txt, known beforehand.
	VocabSHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
)

// Options say where files come from and go to. Only Dir has to be set.
type Options struct {
	Dir         string // receives the files and SHA256SUMS; made if missing
	GitHub      string // base address for the archive; "" is GitHub
	HuggingFace string // base address for the model; "" is HuggingFace
	VocabSHA256 string // expected sum of vocab.txt; "" is VocabSHA256

	Log      io.Writer                            // lines about each file; nil for none
	Progress func(name string, done, total int64) // bytes on disk and in all, -1 if not known; may be nil

	Stall time.Duration // give up on a connection that sends nothing for so long; 0 is one minute
	Pause time.Duration // before resuming the first time, then twice as long each time; 0 is one second
}

// Files are paths of what the tutorial works on.
type Files struct {
	Weights string // Visualized_base_en_v1.5.pth
	Vocab   string // vocab.txt
	Root    string // images_folder, with all that follows
	Images  string // images_folder/images, the catalogue
	Query   string // images_folder/leopard.jpg
}

// Fetch downloads what is not there yet, resuming where an earlier run stopped, checks every file
// against its sum, which the first run records in Dir/SHA256SUMS, and unpacks the archive.
func Fetch(ctx context.Context, options Options) (Files, error) {
	if options.Log == nil {
		options.Log = io.Discard
	}
	if options.Progress == nil {
		options.Progress = func(string, int64, int64) {}
	}
	if err := os.MkdirAll(options.Dir, 0o755); err != nil {
		return Files{}, fmt.Errorf("tutorial: %w", err)
	}
	d := &downloader{
		client:   &http.Client{CheckRedirect: refuseDowngrade},
		stall:    cmp.Or(options.Stall, time.Minute),
		pause:    cmp.Or(options.Pause, time.Second),
		log:      options.Log,
		progress: options.Progress,
	}
	github, hub := cmp.Or(options.GitHub, GitHub), cmp.Or(options.HuggingFace, HuggingFace)
	sources := []source{
		{url: hub + vocabPath, limit: 16 << 20, sum: cmp.Or(options.VocabSHA256, VocabSHA256)},
		{url: github + archivePath, limit: 4 << 30},
		{url: hub + weightsPath, limit: 8 << 30},
	}
	for _, s := range sources {
		if err := fetch(ctx, d, options.Dir, s); err != nil {
			return Files{}, fmt.Errorf("tutorial: %w", err)
		}
	}
	root := filepath.Join(options.Dir, "images_folder")
	archive := filepath.Join(options.Dir, filepath.Base(archivePath))
	if err := unpackPictures(ctx, archive, root, options.Log); errors.Is(err, ErrArchive) {
		return Files{}, fmt.Errorf("tutorial: %w; to download it again, remove it and its line in %s", err, sumsName)
	} else if err != nil {
		return Files{}, fmt.Errorf("tutorial: %w", err)
	}
	return Files{
		Weights: filepath.Join(options.Dir, filepath.Base(weightsPath)),
		Vocab:   filepath.Join(options.Dir, filepath.Base(vocabPath)),
		Root:    root,
		Images:  filepath.Join(root, imagesName),
		Query:   filepath.Join(root, queryName),
	}, nil
}
