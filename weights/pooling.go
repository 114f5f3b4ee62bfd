package weights

import "fmt"

// Pooling is how one embedding is made of the vectors of all tokens. Its text form is "cls" or "mean".
type Pooling string

// The kinds of pooling.
const (
	PoolCLS  Pooling = ""     // the vector of [CLS]
	PoolMean Pooling = "mean" // the mean over all tokens: [CLS], patches, words and [SEP]
)

// String returns the text form.
func (p Pooling) String() string {
	if p == PoolCLS {
		return "cls"
	}
	return string(p)
}

// MarshalText returns the text form.
func (p Pooling) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the text form, and nothing else.
func (p *Pooling) UnmarshalText(text []byte) error {
	switch string(text) {
	case PoolCLS.String():
		*p = PoolCLS
	case PoolMean.String():
		*p = PoolMean
	default:
		return fmt.Errorf("pooling %q: want %s or %s", text, PoolCLS, PoolMean)
	}
	return nil
}
