package index

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"vbge/server/catalog"
)

const keyPath = "image_path"

// metadata holds the lines of a JSONL file by their image_path.
type metadata struct {
	folder string // of the file
	lines  map[string]fields
}

// fields is one line without its image_path.
type fields struct {
	values map[string]any
	hash   string
}

// readMetadata reads a JSONL file; "" is no file.
func readMetadata(path string) (*metadata, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetadata, err)
	}
	m := &metadata{folder: filepath.Dir(path)}
	if m.lines, err = parseMetadata(text); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMetadata, path, err)
	}
	return m, nil
}

// parseMetadata reads lines of JSON objects that have an image_path and more.
func parseMetadata(text []byte) (map[string]fields, error) {
	lines := map[string]fields{}
	for number, line := range bytes.Split(text, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		path, parsed, err := parseLine(line)
		if err == nil {
			if _, twice := lines[path]; twice {
				err = fmt.Errorf("%s %q has a line already", keyPath, path)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number+1, err)
		}
		lines[path] = parsed
	}
	return lines, nil
}

func parseLine(line []byte) (string, fields, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber() // keeps large numbers as they are
	var values map[string]any
	if err := decoder.Decode(&values); err != nil {
		return "", fields{}, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return "", fields{}, errors.New("more than one JSON value")
	}
	path, ok := values[keyPath].(string)
	if !ok || path == "" {
		return "", fields{}, fmt.Errorf("no %s", keyPath)
	}
	delete(values, keyPath)
	hash, err := catalog.FieldsHash(values)
	return filepath.Clean(filepath.FromSlash(path)), fields{values, hash}, err
}

// of returns the metadata of a file. Its line may name it relative to the
// indexed folder, as the catalogue does, as it was opened, or relative to the
// folder of the metadata file.
func (m *metadata) of(f file) fields {
	if m == nil {
		return fields{}
	}
	if key, ok := m.key(f); ok {
		return m.lines[key]
	}
	hash, _ := catalog.FieldsHash(nil) // no fields are always valid
	return fields{hash: hash}
}

func (m *metadata) key(f file) (string, bool) {
	keys := []string{f.relative, f.imagePath, f.path}
	if relative, err := filepath.Rel(m.folder, f.path); err == nil {
		keys = append(keys, relative)
	}
	for _, key := range keys {
		if _, ok := m.lines[key]; ok {
			return key, true
		}
	}
	return "", false
}

// unused counts the lines that are about none of the files.
func (m *metadata) unused(files []file) int {
	if m == nil {
		return 0
	}
	used := map[string]bool{}
	for _, f := range files {
		if key, ok := m.key(f); ok {
			used[key] = true
		}
	}
	return len(m.lines) - len(used)
}
