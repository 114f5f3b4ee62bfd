package rerank

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// informationRunes bounds the product information of one result, which comes from the catalogue.
const informationRunes = 300

// prompt is the text beside the panorama. The wording is ours; the form of the answer, a list in
// brackets and then reasons, is the tutorial's.
func prompt(request Request) string {
	var b strings.Builder
	last := request.Count - 1
	b.WriteString("You put the results of a composed image search in order. " +
		"A user searches with a query picture, with an instruction about what to find, or with both: " +
		"with a picture of a red car and the words \"change this car to blue\", a similar car that is blue belongs first.\n\n")
	fmt.Fprintf(&b, "In the attached picture the query, if there is one, is at the bottom left inside the blue border. "+
		"To its right are the results, in the order in which they were found, "+
		"each with its index, 0 to %d, in red at its top left corner.\n\n", last)
	instruction := oneLine(request.Instruction)
	fmt.Fprintf(&b, "The user's instruction: %s\n\n", cmp.Or(instruction, "(none: the more like the query, the better)"))
	if slices.ContainsFunc(request.Items, func(s string) bool { return oneLine(s) != "" }) {
		b.WriteString("What the catalogue says about the results, by index:\n")
		for i, item := range request.Items {
			if line := oneLine(item); line != "" {
				fmt.Fprintf(&b, "%d: %s\n", i, shorten(line, informationRunes))
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "Rank all the indices from 0 to %d, the best match first, "+
		"and explain your choice of the first one only. Answer in exactly this form, "+
		"with the indices as integers between the brackets, separated by commas:\n"+
		"Ranked list: []\nReasons:", last)
	return b.String()
}

// Describe writes a catalogue row's fields as the one line of product information that Request.Items
// takes, in alphabetical order, without those named in skip.
func Describe(fields map[string]any, skip ...string) string {
	var parts []string
	for name, value := range fields {
		if value != nil && !slices.Contains(skip, name) {
			parts = append(parts, fmt.Sprintf("%s: %v", name, value))
		}
	}
	slices.Sort(parts)
	return oneLine(strings.Join(parts, ", "))
}
