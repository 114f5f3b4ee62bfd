package selftest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"vbge/weights"
)

// mostBytes bounds the file; the full-size model's takes 10 kB.
const mostBytes = 1 << 20

// Encode returns what weights.ConvertOptions.SelfTest puts into a model folder.
func (k *Kept) Encode() ([]byte, error) {
	text, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("encode the self-test: %w", err)
	}
	return append(text, '\n'), nil
}

// Read returns what conversion kept in a model folder. model is the id of the folder's model: a
// vector of another is an error. The error wraps fs.ErrNotExist for a folder
// of the time before there was one.
func Read(dir, model string) (*Kept, error) {
	path := filepath.Join(dir, weights.SelfTestFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the self-test: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the self-test: %w", err)
	}
	k, err := parse(text)
	if err == nil && k.Model != model {
		err = fmt.Errorf("of the model %q, the folder's is %q: the files do not belong together", k.Model, model)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

func parse(text []byte) (*Kept, error) {
	if len(text) > mostBytes {
		return nil, fmt.Errorf("larger than %d bytes", mostBytes)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	k := new(Kept)
	if err := d.Decode(k); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more after the end, at byte %d", d.InputOffset())
	}
	return k, k.check()
}
