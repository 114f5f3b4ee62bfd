package tokenizer

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// The random strings of testdata/make_strings.py, function by function: the same seed and words give the same bytes.

const (
	longestString = 2000             // units
	loneByte      = utf8.MaxRune + 1 // a unit is a code point, or loneByte + a byte that stands alone
)

var (
	specialNames = []string{"[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"}
	repeats      = []int{2, 49, 50, 51, 99, 100, 101, 102, 150, 400}
	brokenBytes  = []string{"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff\xfe"}
)

// pool is a kind of code points, as ranges from first to last.
type pool [][2]int

func readPools(t testing.TB) (names []string, pools map[string]pool) {
	t.Helper()
	f, err := os.Open("testdata/pools.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pools = map[string]pool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, ranges, _ := strings.Cut(lines.Text(), ": ")
		names = append(names, name)
		for _, r := range strings.Fields(ranges) {
			from, to, _ := strings.Cut(r, "-")
			first, errFirst := strconv.ParseInt(from, 16, 32)
			last, errLast := strconv.ParseInt(to, 16, 32)
			if errFirst != nil || errLast != nil {
				t.Fatalf("pools.txt: %s has the range %q", name, r)
			}
			pools[name] = append(pools[name], [2]int{int(first), int(last)})
		}
	}
	return names, pools
}

// splitMix64 is the generator of Steele, Lea and Flood (2014).
type splitMix64 uint64

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func (r *splitMix64) below(n int) int {
	*r += 0x9E3779B97F4A7C15
	return int(mix(uint64(*r)) % uint64(n))
}

// spread gives 1 to 2^octaves - 1, each octave equally often.
func (r *splitMix64) spread(octaves int) int {
	low := 1 << r.below(octaves)
	return low + r.below(low)
}

func (p pool) pick(r *splitMix64) int {
	span := p[r.below(len(p))]
	return span[0] + r.below(span[1]-span[0]+1)
}

// stringMaker makes one string after another.
type stringMaker struct {
	splitMix64
	names []string
	pools map[string]pool
	words []string
	units []int
	text  []byte
}

func newStringMaker(t testing.TB, words []string) *stringMaker {
	t.Helper()
	m := &stringMaker{words: words}
	m.names, m.pools = readPools(t)
	return m
}

// bytes returns a string of a seed by its number, good until the next call.
func (m *stringMaker) bytes(seed, number uint64) []byte {
	m.splitMix64, m.units, m.text = splitMix64(mix(mix(seed)+number)), m.units[:0], m.text[:0]
	length := min(m.spread(11), longestString)
	favourites := make([]pool, 1+m.below(4))
	for i := range favourites {
		favourites[i] = m.pools[m.names[m.below(len(m.names))]]
	}
	for len(m.units) < length {
		m.part(favourites)
	}
	for _, u := range m.units[:length] {
		switch {
		case u >= loneByte:
			m.text = append(m.text, byte(u-loneByte))
		case 0xD800 <= u && u <= 0xDFFF: // as Go's own encoder would not
			m.text = append(m.text, 0xED, byte(0x80|u>>6&0x3F), byte(0x80|u&0x3F))
		default:
			m.text = utf8.AppendRune(m.text, rune(u))
		}
	}
	return m.text
}

func (m *stringMaker) part(favourites []pool) {
	switch kind := m.below(100); {
	case kind < 7:
		m.put(specialNames[m.below(len(specialNames))])
	case kind < 11:
		m.nearSpecial(favourites[m.below(len(favourites))])
	case kind < 26:
		m.put(m.word())
	case kind < 30:
		for _, letter := range m.word() {
			m.units = append(m.units, int(letter))
			mark := m.pools["marks"].pick(&m.splitMix64)
			if m.below(2) == 1 {
				m.units = append(m.units, mark)
			}
		}
	case kind < 34:
		m.units = append(m.units, favourites[m.below(len(favourites))].pick(&m.splitMix64))
		for range m.spread(9) {
			class := []string{"marks", "ordered", "kept"}[m.below(3)]
			m.units = append(m.units, m.pools[class].pick(&m.splitMix64))
		}
	case kind < 35:
		unit := favourites[m.below(len(favourites))].pick(&m.splitMix64)
		for range repeats[m.below(len(repeats))] {
			m.units = append(m.units, unit)
		}
	case kind < 40:
		m.broken()
	case kind < 50:
		m.put(" ")
	case kind < 58:
		for range m.spread(5) {
			m.units = append(m.units, 'a'+m.below(26))
		}
	default:
		favourite := favourites[m.below(len(favourites))]
		for range 1 + m.below(8) {
			m.units = append(m.units, favourite.pick(&m.splitMix64))
		}
	}
}

func (m *stringMaker) put(text string) {
	for _, r := range text {
		m.units = append(m.units, int(r))
	}
}

func (m *stringMaker) lone(bytes string) {
	for i := range len(bytes) {
		m.units = append(m.units, loneByte+int(bytes[i]))
	}
}

func (m *stringMaker) word() string {
	w := strings.TrimPrefix(m.words[m.below(len(m.words))], "##")
	_, first := utf8.DecodeRuneInString(w)
	switch m.below(4) {
	case 1:
		return upperASCII(w)
	case 2:
		return upperASCII(w[:first]) + w[first:]
	case 3:
		return w + " "
	}
	return w
}

// upperASCII leaves all but a to z as it is, on which Go and Python need not agree.
func upperASCII(w string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}, w)
}

func (m *stringMaker) nearSpecial(favourite pool) {
	s := specialNames[m.below(len(specialNames))]
	switch kind := m.below(7); kind {
	case 0:
		m.put(strings.ToLower(s))
	case 1:
		m.put(s[:len(s)-1])
	case 2:
		m.put(s[1:])
	case 3:
		m.put(s[:1] + s + s[len(s)-1:])
	case 4:
		m.put(strings.Repeat(s[:len(s)-1], m.spread(6)))
	default:
		at := 1 + m.below(len(s)-1)
		m.put(s[:at])
		if kind == 5 {
			favourite = m.pools["marks"]
		}
		m.units = append(m.units, favourite.pick(&m.splitMix64))
		m.put(s[at:])
	}
}

func (m *stringMaker) broken() {
	switch m.below(4) {
	case 0:
		for range 1 + m.below(4) {
			m.units = append(m.units, loneByte+0x80+m.below(0x80))
		}
	case 1:
		m.lone(brokenBytes[m.below(len(brokenBytes))])
	case 2:
		if m.below(2) == 1 {
			m.units = append(m.units, 0xD800+m.below(0x800))
		} else {
			high := 0xD800 + m.below(0x400)
			m.units = append(m.units, high, 0xDC00+m.below(0x400))
		}
	default:
		r := string(rune(m.pools["planes"].pick(&m.splitMix64)))
		m.lone(r[:len(r)-1])
	}
}
