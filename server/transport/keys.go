package transport

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
)

// Keys are the keys that the server knows, by the SHA-256 of each: the file gives nobody a key.
type Keys struct {
	path  string
	lines atomic.Pointer[[]keyLine]
}

type keyLine struct {
	name string
	hash [sha256.Size]byte
}

// ReadKeys reads a file with a key a line, as name:sha256 in 64 hexadecimal digits. A name may have
// several lines, while its key is being replaced. Blank lines and those that begin with # are passed over.
func ReadKeys(path string) (*Keys, error) {
	k := &Keys{path: path}
	if err := k.Reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// Reload reads the file again; after an error the keys are as they were.
func (k *Keys) Reload() error {
	file, err := os.ReadFile(k.path)
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	lines, err := parseKeys(bytes.NewReader(file))
	if err != nil {
		return fmt.Errorf("read keys: %s: %w", k.path, err)
	}
	k.lines.Store(&lines)
	return nil
}

func parseKeys(r io.Reader) ([]keyLine, error) {
	var lines []keyLine
	scanner := bufio.NewScanner(r)
	for n := 1; scanner.Scan(); n++ {
		text := strings.TrimSpace(scanner.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, digits, found := strings.Cut(text, ":")
		name = strings.TrimSpace(name)
		hash, err := hex.DecodeString(strings.TrimSpace(digits))
		if !found || name == "" || err != nil || len(hash) != sha256.Size {
			// The line is not shown: it may be a key, by mistake.
			return nil, fmt.Errorf("line %d is not name:sha256 in 64 hexadecimal digits (printf %%s \"$KEY\" | sha256sum)", n)
		}
		lines = append(lines, keyLine{name, [sha256.Size]byte(hash)})
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, errors.New("there is no key in it: leave --keys away to ask for none")
	}
	return lines, nil
}

// Name returns the name of a key. How long it takes depends on neither the key nor where it stands:
// hashes are compared, in constant time, with every line.
func (k *Keys) Name(key string) (name string, ok bool) {
	hash := sha256.Sum256([]byte(key))
	lines := *k.lines.Load()
	at := -1
	for i := range lines {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], lines[i].hash[:]), i, at)
	}
	if at < 0 {
		return "", false
	}
	return lines[at].name, true
}
