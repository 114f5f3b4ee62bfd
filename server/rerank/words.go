package rerank

import (
	"image"
	"image/color"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Words draws the words of a text-only query as a picture that Panorama takes in place of the query
// picture: wrapped, centred, as large as fits, cut with an ellipsis where even the smallest does not.
func Words(text string) image.Image {
	side := cell - 2*queryBorder // drawn at the size in which Panorama shows it
	card := image.NewRGBA(image.Rect(0, 0, side, side))
	fill(card, card.Bounds(), white)
	if runes := []rune(text); len(runes) > 1000 { // more than the smallest face can show
		text = string(runes[:1000])
	}
	inner := card.Bounds().Inset(10)
	face, lines := fitText(text, inner)
	drawCentred(card, face, black, inner, lines)
	return card
}

// fitText wraps text in the largest face whose lines fit into r.
func fitText(text string, r image.Rectangle) (font.Face, []string) {
	var face font.Face
	var lines []string
	for size := 40.0; size >= 12; size -= 4 {
		face = newFace(size)
		var broken bool
		lines, broken = wrap(face, text, r.Dx())
		if !broken && len(lines)*lineHeight(face) <= r.Dy() {
			return face, lines
		}
	}
	if most := r.Dy() / lineHeight(face); len(lines) > most {
		lines = append(lines[:most-1], "...")
	}
	return face, lines
}

// wrap breaks text into lines of at most width pixels, at spaces where it can; broken says that a
// word was too long for a line of its own.
func wrap(face font.Face, text string, width int) (lines []string, broken bool) {
	fits := func(s string) bool { return font.MeasureString(face, s).Ceil() <= width }
	line := ""
	for _, word := range strings.Fields(text) {
		if joined := strings.TrimSpace(line + " " + word); fits(joined) {
			line = joined
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		line = ""
		for _, r := range word {
			if line != "" && !fits(line+string(r)) {
				lines, line, broken = append(lines, line), "", true
			}
			line += string(r)
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines, broken
}

// newFace is Go Bold in pixels. It is compiled in and always parses; were it ever broken, the
// bitmap face would still leave a readable panorama.
func newFace(pixels float64) font.Face {
	parsed, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return basicfont.Face7x13
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: pixels, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return basicfont.Face7x13
	}
	return face
}

func lineHeight(face font.Face) int { return face.Metrics().Height.Ceil() }

func drawCentred(canvas *image.RGBA, face font.Face, c color.Color, r image.Rectangle, lines []string) {
	y := r.Min.Y + (r.Dy()-len(lines)*lineHeight(face))/2 + face.Metrics().Ascent.Ceil()
	for _, line := range lines {
		x := r.Min.X + (r.Dx()-font.MeasureString(face, line).Ceil())/2
		drawText(canvas, face, c, image.Pt(x, y), line)
		y += lineHeight(face)
	}
}

// drawText writes one line with its baseline starting at the given point.
func drawText(canvas *image.RGBA, face font.Face, c color.Color, at image.Point, text string) {
	d := font.Drawer{Dst: canvas, Src: image.NewUniform(c), Face: face, Dot: fixed.P(at.X, at.Y)}
	d.DrawString(text)
}
