package main

import (
	"strconv"
	"strings"
	"unicode"
)

// printable quotes a text with control characters or broken UTF-8, such as a file's name can have:
// a terminal would obey them.
func printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}
