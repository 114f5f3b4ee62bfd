package load

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
)

// Kind is what a request asks for.
type Kind string

// The kinds: to embed a picture, words, or both; to search with them; and to have a Body answered.
const (
	Image       Kind = "image"
	Text        Kind = "text"
	Pair        Kind = "pair"
	SearchImage Kind = "search-image"
	SearchText  Kind = "search-text"
	SearchPair  Kind = "search-pair"
	Body        Kind = "body"
)

// Kinds are those that can be mixed.
var Kinds = []Kind{Image, Text, Pair, SearchImage, SearchText, SearchPair}

func (k Kind) search() bool  { return strings.HasPrefix(string(k), "search-") }
func (k Kind) picture() bool { return k == Image || k == Pair || k == SearchImage || k == SearchPair }
func (k Kind) words() bool   { return k == Text || k == Pair || k == SearchText || k == SearchPair }

// Mix has the weight of each kind.
type Mix map[Kind]int

// Shot is a request to be sent.
type Shot struct {
	Kind   Kind
	Number uint64 // its pictures and words follow from it; no two shots of a Source have the same
}

// Source yields shots. The same start yields the same ones.
type Source struct {
	kinds  []Kind
	limits []int // weights added up
	next   atomic.Uint64
}

// NewSource returns a source whose first shot has the number start.
func NewSource(mix Mix, start uint64) (*Source, error) {
	s := &Source{}
	total := 0
	for kind, weight := range mix {
		if weight < 0 || !slices.Contains(Kinds, kind) && kind != Body {
			return nil, fmt.Errorf("%s=%d: give weights of at least 0 to %v", kind, weight, Kinds)
		}
		s.kinds = append(s.kinds, kind)
	}
	slices.Sort(s.kinds)
	for _, kind := range s.kinds {
		total += mix[kind]
		s.limits = append(s.limits, total)
	}
	if total == 0 {
		return nil, fmt.Errorf("no kind has a weight: give one of %v", Kinds)
	}
	s.next.Store(start)
	return s, nil
}

// Next returns the next shot.
func (s *Source) Next() Shot {
	n := s.next.Add(1) - 1
	at := drawer(n, chooseKind).IntN(s.limits[len(s.limits)-1])
	i, _ := slices.BinarySearch(s.limits, at+1) // the first that is above at: kinds without weight are never it
	return Shot{s.kinds[i], n}
}

// What is drawn by a number.
const (
	chooseKind = iota
	chooseWords
)

func drawer(number uint64, what uint64) *rand.Rand { return rand.New(rand.NewPCG(number, what)) }
