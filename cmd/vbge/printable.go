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

// printableLines is printable for each line of a message, which may name what stands in a file.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		words := strings.TrimLeft(line, "\t") // cobra's suggestions are indented so
		lines[i] = line[:len(line)-len(words)] + printable(words)
	}
	return strings.Join(lines, "\n")
}
