package rerank

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// explanationRunes is far more than a model writes in max_tokens.
const explanationRunes = 4000

// Ranking is a permutation of the results' indices.
type Ranking struct {
	Ranked      []int  // every index from 0 to Count-1 once, best first
	Best        int    // Ranked[0]
	Explanation string // why the best one is best, on one line; empty if the model gave no reason
}

var (
	label = regexp.MustCompile(`(?i)ranked[\s_]*list`)
	// A list that max_tokens cut off ends with its line instead of a bracket.
	brackets = regexp.MustCompile(`\[[^\[\]]*\]|\[[^\[\]\n]*`)
	reasons  = regexp.MustCompile(`(?i)\breasons?\b[\s*_"']*:`)
)

// parseAnswer reads `Ranked list: [6, 2, ...]` and `Reasons: ...` as models write them. Indices out
// of range or repeated are dropped, those that are missing follow in their original order. An answer
// that names no index is ErrAnswer.
func parseAnswer(answer string, count int) (Ranking, error) {
	if strings.TrimSpace(answer) == "" {
		return Ranking{}, fmt.Errorf("%w: the answer is empty", ErrAnswer)
	}
	named, rest := findList(answer, count)
	if len(named) == 0 {
		return Ranking{}, fmt.Errorf("%w: no index from 0 to %d in a list in %q",
			ErrAnswer, count-1, shorten(oneLine(answer), 160))
	}
	ranked := complete(named, count)
	return Ranking{Ranked: ranked, Best: ranked[0], Explanation: explanation(rest)}, nil
}

// findList returns the indices of the first brackets that name any, those after the label before
// all others, else of the label's own line, and the text that follows them.
func findList(answer string, count int) (named []int, rest string) {
	labelled := ""
	if at := label.FindStringIndex(answer); at != nil {
		labelled = answer[at[1]:]
	}
	for _, text := range []string{labelled, answer} {
		for _, at := range brackets.FindAllStringIndex(text, -1) {
			if named = indices(text[at[0]:at[1]], count); len(named) > 0 {
				return named, text[at[1]:]
			}
		}
	}
	end := strings.IndexByte(labelled+"\n", '\n')
	if at := reasons.FindStringIndex(labelled); at != nil {
		end = min(end, at[0])
	}
	return indices(labelled[:end], count), labelled[end:]
}

// indices returns the different numbers from 0 to count-1 that a list names, in its order.
func indices(list string, count int) []int {
	var named []int
	seen := make([]bool, count)
	for _, piece := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(", ;>\t\r\n", r) }) {
		i, err := strconv.Atoi(strings.Trim(piece, "[]()\"'`*_#\\:."))
		if err == nil && i >= 0 && i < count && !seen[i] {
			seen[i] = true
			named = append(named, i)
		}
	}
	return named
}

// complete appends the indices that are missing in their original order.
func complete(named []int, count int) []int {
	ranked := append(make([]int, 0, count), named...)
	seen := make([]bool, count)
	for _, i := range named {
		seen[i] = true
	}
	for i := range count {
		if !seen[i] {
			ranked = append(ranked, i)
		}
	}
	return ranked
}

// explanation is what follows the list, without its label and without markdown.
func explanation(rest string) string {
	if at := reasons.FindStringIndex(rest); at != nil {
		rest = rest[at[1]:]
	}
	for _, mark := range []string{"```", "**", "__"} {
		rest = strings.ReplaceAll(rest, mark, "")
	}
	return shorten(strings.Trim(oneLine(rest), "*_`]}\\,: "), explanationRunes)
}
