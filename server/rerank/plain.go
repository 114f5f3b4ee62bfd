package rerank

import (
	"strings"
	"unicode"
)

// oneLine makes text from outside safe to show on a terminal and to put in a list: white space
// becomes single spaces, control and other invisible characters go.
func oneLine(text string) string {
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(visible), " ")
}

// shorten cuts text after a number of characters and says so with an ellipsis.
func shorten(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-3]) + "..."
	}
	return text
}
