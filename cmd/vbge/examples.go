package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"vbge/engine/pixels"
	"vbge/server/page"
)

// readExamples reads what the page offers to begin with: a JSON array of {"image": path, "text": words},
// either or both, the path relative to the file's folder. "" is no examples.
func readExamples(path string, limits pixels.Limits) ([]page.Example, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var given []struct{ Image, Text string }
	if err := json.Unmarshal(text, &given); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var examples []page.Example
	for _, g := range given {
		e := page.Example{Name: g.Text, Text: g.Text}
		if g.Image != "" {
			e.Name = filepath.Base(g.Image)
			if e.File, err = readPicture(filepath.Join(filepath.Dir(path), g.Image), limits); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
		examples = append(examples, e)
	}
	return examples, nil
}
