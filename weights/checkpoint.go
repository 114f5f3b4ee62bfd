package weights

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// checkpoint is an open file of named tensors.
type checkpoint struct {
	contents
	file   *os.File
	size   int64
	format string
}

// contents is what a file of any format holds.
type contents interface {
	// Tensors returns all tensors in the file's order.
	Tensors() []*tensor.View
	// Others returns the names beside the tensors whose values are no tensors.
	Others() []string
	// Verify holds the data of these tensors against the sums that the format keeps, if any.
	Verify(ctx context.Context, tensors []*tensor.View) error
	// CopyTo writes a tensor's elements as they are (little-endian, own type), row-major.
	CopyTo(ctx context.Context, w io.Writer, t *tensor.View) error
}

// The formats of checkpoints, in words.
const (
	formatZip         = "zip of torch.save"
	formatLegacy      = "stream of torch.save before 1.6"
	formatSafetensors = "safetensors"
)

// openCheckpoint reads the structure of the checkpoint at path, not the weights. Errors name the file.
func openCheckpoint(path string) (*checkpoint, error) {
	// Opening a pipe could wait for ever.
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open checkpoint: %w", err)
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open checkpoint: %s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open checkpoint: %w", err)
	}
	c := &checkpoint{file: file}
	if err := c.read(path); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, errors.Join(err, file.Close()))
	}
	return c, nil
}

// read fills in all but the file. Its content tells the format, whatever its name is.
func (c *checkpoint) read(path string) error {
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	c.size = info.Size()
	head := make([]byte, min(c.size, 4096))
	if _, err := c.file.ReadAt(head, 0); err != nil {
		return err
	}
	if err := refuseParts(path, head); err != nil {
		return err
	}
	switch {
	// A safetensors header begins at byte 8, after its length, of which no text can be the bytes.
	// At byte 8 of what torch.save writes are a zip's method or the middle of its magic number.
	case len(head) > 8 && head[8] == '{' && !isText(head[:8]):
		c.format = formatSafetensors
		c.contents, err = safetensors.NewFile(c.file, c.size)
		return err
	case bytes.HasPrefix(head, []byte("PK")):
		c.format = formatZip
	default:
		c.format = formatLegacy
	}
	c.contents, err = pth.NewFile(c.file, c.size)
	return err
}

// Close releases the file.
func (c *checkpoint) Close() error { return c.file.Close() }

// SHA256 reads the whole file and returns its SHA-256 in hex.
func (c *checkpoint) SHA256(ctx context.Context) (string, error) {
	sum := sha256.New()
	if err := tensor.Copy(ctx, sum, io.NewSectionReader(c.file, 0, c.size), make([]byte, 1<<20)); err != nil {
		return "", fmt.Errorf("read checkpoint: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
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
