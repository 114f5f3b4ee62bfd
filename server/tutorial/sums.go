package tutorial

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// ErrSum is a file whose SHA-256 is not the known or recorded one.
var ErrSum = errors.New("wrong SHA-256")

// sumsName holds the sums in the form that `sha256sum -c` reads.
const sumsName = "SHA256SUMS"

// fetch leaves one checked file in dir, under its own name only once it is whole.
func fetch(ctx context.Context, d *downloader, dir string, s source) error {
	name := path.Base(s.url)
	target := filepath.Join(dir, name)
	_, err := os.Stat(target)
	if err == nil {
		if err := d.checkSum(ctx, target, name, s.sum); err != nil {
			return fmt.Errorf("%s: %w; remove it to download it again", target, err)
		}
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}

	part := target + ".part"
	if err := d.download(ctx, s, part); err != nil {
		return fmt.Errorf("download %s: %w", s.url, err)
	}
	if err := d.checkSum(ctx, part, name, s.sum); errors.Is(err, ErrSum) {
		// Kept, it would be taken for whole and fail in each further run.
		return errors.Join(fmt.Errorf("download %s: %w; run again to download it anew", s.url, err), discard(part))
	} else if err != nil {
		return err
	}
	if err := os.Rename(part, target); err != nil {
		return err
	}
	return discard(part)
}

// checkSum prints the sum of a file and compares it with the known one, else with the recorded one;
// the first sum of a file is recorded.
func (d *downloader) checkSum(ctx context.Context, file, name, known string) error {
	sumsFile := filepath.Join(filepath.Dir(file), sumsName)
	sums, err := readSums(sumsFile)
	if err != nil {
		return err
	}
	sum, err := sumFile(ctx, file)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.log, "SHA-256 %s  %s\n", sum, name)
	if known != "" && sum != known {
		return fmt.Errorf("%w %s, expected %s", ErrSum, sum, known)
	}
	if want := cmp.Or(known, sums[name], sum); sum != want {
		return fmt.Errorf("%w %s, expected %s (to accept another version, remove its line from %s)", ErrSum, sum, want, sumsFile)
	}
	if sums[name] == sum {
		return nil
	}
	sums[name] = sum
	return writeSums(sumsFile, sums)
}

func sumFile(ctx context.Context, file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, contextReader{ctx, f}); err != nil {
		return "", fmt.Errorf("SHA-256 of %s: %w", file, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// readSums returns the sums by file name, none if there is no such file yet.
func readSums(file string) (map[string]string, error) {
	sums := map[string]string{}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return sums, nil
	} else if err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(strings.NewReader(string(data))); lines.Scan(); {
		sum, name, found := strings.Cut(lines.Text(), "  ")
		if raw, err := hex.DecodeString(sum); !found || err != nil || len(raw) != sha256.Size {
			return nil, fmt.Errorf("%s: %.80q is no line of sha256sum; correct or remove the file", file, lines.Text())
		}
		sums[name] = strings.ToLower(sum)
	}
	return sums, nil
}

// writeSums replaces the file in one step.
func writeSums(file string, sums map[string]string) error {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&text, "%s  %s\n", sums[name], name)
	}
	if err := os.WriteFile(file+".part", []byte(text.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".part", file)
}

// contextReader stops a long read when its context ends.
type contextReader struct {
	ctx  context.Context
	next io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.next.Read(p)
}
