package rerank

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"strconv"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
)

// MaxItems is how many results a panorama shows.
const MaxItems = columns * columns

// The layout is the tutorial's: a column for the query, then three columns of three cells.
const (
	cell        = 300
	columns     = 3
	queryBorder = 10
	itemBorder  = 2
	jpegQuality = 90
)

var (
	white = color.RGBA{255, 255, 255, 255}
	black = color.RGBA{0, 0, 0, 255}
	grey  = color.RGBA{192, 192, 192, 255}
	red   = color.RGBA{255, 0, 0, 255}
	blue  = color.RGBA{0, 0, 255, 255}
)

// Panorama draws the query and up to MaxItems results, best first, on 1200 x 900 white pixels.
// The query is at the bottom left inside a blue border (for a text-only query pass Words, or nil to
// leave the column empty); each result is in a cell of its own with its index, counted from 0, in
// red. A nil result, a picture that could not be read, becomes a grey cell that says so.
func Panorama(query image.Image, items []image.Image) *image.RGBA {
	canvas := image.NewRGBA(image.Rect(0, 0, (1+columns)*cell, columns*cell))
	fill(canvas, canvas.Bounds(), white)
	if query != nil {
		drawQuery(canvas, query)
	}
	for i, item := range items[:min(len(items), MaxItems)] {
		at := image.Pt((1+i%columns)*cell, i/columns*cell)
		drawItem(canvas, image.Rectangle{at, at.Add(image.Pt(cell, cell))}, i, item)
	}
	return canvas
}

// EnoughSamples is how many a picture's shorter side needs so that the panorama shows it as well as with all of them:
// reduce leaves no more.
const EnoughSamples = 2 * (cell - 2*itemBorder)

// ShrinkQuery and ShrinkItem scale a picture to the size in which Panorama shows it, so that a large
// one need not be kept until all are there. Panorama then takes it as it is.
func ShrinkQuery(picture image.Image) *image.RGBA { return shrink(picture, cell-2*queryBorder) }

// ShrinkItem is as ShrinkQuery, for a result.
func ShrinkItem(picture image.Image) *image.RGBA { return shrink(picture, cell-2*itemBorder) }

func shrink(picture image.Image, side int) *image.RGBA {
	small := image.NewRGBA(image.Rect(0, 0, side, side))
	drawPicture(small, small.Bounds(), picture)
	return small
}

// EncodeJPEG encodes a panorama at the quality in which it is saved and sent to the model.
func EncodeJPEG(panorama image.Image) ([]byte, error) {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, panorama, &jpeg.Options{Quality: jpegQuality}); err != nil {
		return nil, fmt.Errorf("rerank: encode panorama as JPEG: %w", err)
	}
	return out.Bytes(), nil
}

func drawQuery(canvas *image.RGBA, query image.Image) {
	r := image.Rect(0, (columns-1)*cell, cell, columns*cell)
	fill(canvas, r, blue)
	drawPicture(canvas, r.Inset(queryBorder), query)
	// The tutorial writes the word below its picture's lower edge, where nobody sees it.
	drawText(canvas, newFace(36), blue, r.Min.Add(image.Pt(queryBorder, -16)), "query")
}

func drawItem(canvas *image.RGBA, r image.Rectangle, index int, item image.Image) {
	fill(canvas, r, black)
	if item == nil || item.Bounds().Empty() {
		inner := r.Inset(itemBorder)
		fill(canvas, inner, grey)
		drawCentred(canvas, newFace(20), black, inner, []string{"could not be read"})
	} else {
		drawPicture(canvas, r.Inset(itemBorder), item)
	}

	// The number's baseline is at (10, 30) of the cell, as in the tutorial; the box fits around it.
	face, number := newFace(30), strconv.Itoa(index)
	box := image.Rect(itemBorder, itemBorder, 10+font.MeasureString(face, number).Ceil()+8, 38)
	fill(canvas, box.Add(r.Min), white)
	drawText(canvas, face, red, r.Min.Add(image.Pt(10, 30)), number)
}

// drawPicture stretches a picture over r, on white where it is transparent.
func drawPicture(canvas *image.RGBA, r image.Rectangle, picture image.Image) {
	fill(canvas, r, white)
	if picture.Bounds().Size() == r.Size() {
		draw.Draw(canvas, r, picture, picture.Bounds().Min, draw.Over)
		return
	}
	picture = reduce(picture, r.Dx())
	var scaler draw.Scaler = draw.CatmullRom
	// CatmullRom's working memory grows with each side of the picture (113 MB at this height); a
	// picture that is absurdly tall or wide, which a limit on pixels alone lets through, gets the
	// scaler that needs none.
	if size := picture.Bounds(); max(size.Dx(), size.Dy()) > 40*cell {
		scaler = draw.ApproxBiLinear
	}
	scaler.Scale(canvas, r, picture, picture.Bounds(), draw.Over, nil)
}

func fill(canvas *image.RGBA, r image.Rectangle, c color.Color) {
	draw.Draw(canvas, r, image.NewUniform(c), image.Point{}, draw.Src)
}
