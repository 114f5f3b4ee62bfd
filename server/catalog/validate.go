package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFields is Milvus's limit for a JSON value, in bytes.
const maxFields = 65536

var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

var ownFields = []string{fieldID, fieldPath, fieldVector, fieldContentHash, fieldFieldsHash, fieldSource}

// FieldsHash returns the hash that Entry.FieldsHash has after a row with these
// Fields was written; nil and empty are the same.
func FieldsHash(fields map[string]any) (string, error) {
	text, err := encodeFields(fields)
	if err != nil {
		return "", fmt.Errorf("catalog: %w", err)
	}
	return hashJSON(text), nil
}

func hashJSON(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// checkRows returns the metadata of each row as JSON, or what is wrong with the
// first bad row. Milvus-lite checks next to nothing itself: it takes NaN and
// texts of any length.
func checkRows(rows []Row, dimension int) ([][]byte, error) {
	metadata := make([][]byte, len(rows))
	seen := make(map[string]bool, len(rows))
	for i, row := range rows {
		if seen[row.ID] {
			return nil, fmt.Errorf("%w: two rows have the id %s", ErrInvalid, row.ID)
		}
		seen[row.ID] = true
		var err error
		if metadata[i], err = checkRow(row, dimension); err != nil {
			return nil, fmt.Errorf("row of %q: %w", row.ImagePath, err)
		}
	}
	return metadata, nil
}

func checkRow(row Row, dimension int) (metadata []byte, err error) {
	if err := checkID(row.ID); err != nil {
		return nil, err
	}
	if err := CheckVector(row.Vector, dimension); err != nil {
		return nil, err
	}
	if err := CheckPath(row.ImagePath); err != nil {
		return nil, err
	}
	if err := checkText(fieldContentHash, row.ContentHash, maxHash); err != nil {
		return nil, err
	}
	if err := checkText(fieldSource, row.Source, maxHash); err != nil {
		return nil, err
	}
	return encodeFields(row.Fields)
}

// CheckPath returns ErrInvalid for an image path that cannot be kept.
func CheckPath(path string) error { return checkText(fieldPath, path, maxPath) }

func checkText(name, value string, limit int) error {
	if len(value) > limit {
		return fmt.Errorf("%w: %s has %d bytes, at most %d can be kept", ErrInvalid, name, len(value), limit)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("%w: %s is not UTF-8", ErrInvalid, name)
	}
	return nil
}

func checkID(id string) error {
	if !idForm.MatchString(id) {
		return fmt.Errorf("%w: id %q: want 1 to 64 letters, digits, '-' and '_'", ErrInvalid, id)
	}
	return nil
}

// CheckVector returns ErrDimension for a vector of another length and
// ErrInvalid for one that cannot be compared: NaN, infinity, or all zero.
func CheckVector(vector []float32, dimension int) error {
	if len(vector) != dimension {
		return fmt.Errorf("%w: the vector has %d values, the collection %d", ErrDimension, len(vector), dimension)
	}
	zero := true
	for i, v := range vector {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("%w: value %d of the vector is %v", ErrInvalid, i, v)
		}
		zero = zero && v == 0
	}
	if zero {
		return fmt.Errorf("%w: the vector is zero, it has no direction", ErrInvalid)
	}
	return nil
}

// encodeFields returns metadata as JSON with sorted names.
func encodeFields(fields map[string]any) ([]byte, error) {
	if len(fields) == 0 {
		return []byte("{}"), nil
	}
	for name := range fields {
		if slices.Contains(ownFields, name) || strings.HasPrefix(name, "$") || name == "" {
			return nil, fmt.Errorf("%w: the catalogue keeps the name %q for itself: rename this metadata field", ErrInvalid, name)
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("%w: metadata: %w", ErrInvalid, err)
	}
	if len(text) > maxFields {
		return nil, fmt.Errorf("%w: the metadata has %d bytes, at most %d can be kept", ErrInvalid, len(text), maxFields)
	}
	return text, nil
}
