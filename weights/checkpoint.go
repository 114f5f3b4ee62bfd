package weights

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"vbge/weights/pth"
	"vbge/weights/safetensors"
	"vbge/weights/tensor"
)

// checkpoint is an open file of named tensors, whatever its format.
type checkpoint interface {
	// Tensors returns all tensors in the file's order.
	Tensors() []*tensor.View
	// Others returns the names beside the tensors whose values are no tensors.
	Others() []string
	// Size returns the file's size in bytes.
	Size() int64
	// SHA256 reads the whole file and returns its SHA-256 in hex.
	SHA256(ctx context.Context) (string, error)
	// Verify holds the data of these tensors against the sums that the format keeps, if any.
	Verify(ctx context.Context, tensors []*tensor.View) error
	// CopyTo writes a tensor's elements as they are (little-endian, own type), row-major.
	CopyTo(ctx context.Context, w io.Writer, t *tensor.View) error
	Close() error
}

// The formats of checkpoints, in words.
const (
	formatZip         = "zip of torch.save"
	formatLegacy      = "stream of torch.save before 1.6"
	formatSafetensors = "safetensors"
)

// openCheckpoint reads the structure of the checkpoint at path, not the weights. Its content tells
// the format, whatever its name is.
func openCheckpoint(path string) (_ checkpoint, format string, err error) {
	head, err := readHead(path)
	if err != nil {
		return nil, "", fmt.Errorf("open checkpoint: %w", err)
	}
	if err := refuseParts(path, head); err != nil {
		return nil, "", fmt.Errorf("checkpoint %s: %w", path, err)
	}
	// A safetensors header begins at byte 8, after its length, of which no text can be the bytes.
	// At byte 8 of what torch.save writes are a zip's method or the middle of its magic number.
	if len(head) > 8 && head[8] == '{' && !isText(head[:8]) {
		file, err := safetensors.Open(path)
		if err != nil {
			return nil, "", err
		}
		return file, formatSafetensors, nil
	}
	file, err := pth.Open(path)
	if err != nil {
		return nil, "", err
	}
	if bytes.HasPrefix(head, []byte("PK")) {
		return file, formatZip, nil
	}
	return file, formatLegacy, nil
}

// readHead returns the first bytes of a regular file, fewer than asked for of a short one.
func readHead(path string) ([]byte, error) {
	// Opening a pipe could wait for ever.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
		return nil, err
	}
	return head[:n], nil
}

// part is how transformers names the files of a checkpoint that it splits.
var part = regexp.MustCompile(`-\d{5}-of-(\d{5})\.\w+$`)

// refuseParts returns an error for one file of several, and for the index of those.
func refuseParts(path string, head []byte) error {
	const advice = "load all of its parts and save them as one, with safetensors.torch.save_file or torch.save"
	if m := part.FindStringSubmatch(filepath.Base(path)); m != nil && m[1] != "00001" {
		return fmt.Errorf("one part of a checkpoint in %s files, which is not read: %s", m[1], advice)
	}
	text := bytes.TrimSpace(head)
	if len(text) > 8 && text[0] == '{' && isText(text[:8]) && bytes.Contains(text, []byte(`"weight_map"`)) {
		return fmt.Errorf("the index of a checkpoint in several files, which is not read: %s", advice)
	}
	return nil
}

// isText reports whether all bytes are ASCII that a text has.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c > '~' {
			return false
		}
	}
	return true
}
