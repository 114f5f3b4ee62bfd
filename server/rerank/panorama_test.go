package rerank

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

func uniform(c color.RGBA, width, height int) image.Image {
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	fill(picture, picture.Bounds(), c)
	return picture
}

// itemColour is a different colour for each cell.
func itemColour(i int) color.RGBA { return color.RGBA{uint8(20 * i), 200, uint8(255 - 20*i), 255} }

func ninePictures() []image.Image {
	items := make([]image.Image, MaxItems)
	for i := range items {
		items[i] = uniform(itemColour(i), 40+i, 90-i)
	}
	return items
}

func TestPanoramaLayout(t *testing.T) {
	query := color.RGBA{200, 180, 10, 255}
	got := Panorama(uniform(query, 64, 32), ninePictures())
	if got.Bounds() != image.Rect(0, 0, 1200, 900) {
		t.Fatalf("bounds %v, want 1200 x 900", got.Bounds())
	}
	expectColour(t, got, "left column", image.Rect(0, 0, 300, 540), white)
	expectFrame(t, got, "query", image.Rect(0, 600, 300, 900), 10, blue)
	expectColour(t, got, "query picture", image.Rect(10, 610, 290, 890), query)
	for i := range MaxItems {
		x, y := 300+i%3*300, i/3*300 // row by row, in order of retrieval
		name := fmt.Sprintf("result %d", i)
		expectFrame(t, got, name, image.Rect(x, y, x+300, y+300), 2, black)
		expectColour(t, got, name+" below its number", image.Rect(x+2, y+38, x+298, y+298), itemColour(i))
		expectColour(t, got, name+" beside its number", image.Rect(x+60, y+2, x+298, y+298), itemColour(i))
		expectColour(t, got, name+" box, top", image.Rect(x+2, y+2, x+30, y+6), white)
		expectColour(t, got, name+" box, left", image.Rect(x+2, y+2, x+8, y+38), white)
		if ink := count(got, image.Rect(x+2, y+2, x+40, y+38), red); ink < 40 {
			t.Errorf("%s: %d red pixels in its box, want a readable number", name, ink)
		}
	}
}

func TestPanoramaNumbersDiffer(t *testing.T) {
	got := Panorama(nil, ninePictures())
	seen := map[string]int{}
	for i := range MaxItems {
		at := image.Pt(300+i%3*300, i/3*300)
		var glyph []byte
		for y := 2; y < 38; y++ {
			for x := 2; x < 30; x++ {
				glyph = append(glyph, got.RGBAAt(at.X+x, at.Y+y).G)
			}
		}
		if other, same := seen[string(glyph)]; same {
			t.Errorf("numbers %d and %d look the same", other, i)
		}
		seen[string(glyph)] = i
	}
}

func TestPanoramaWordQueryIsVisible(t *testing.T) {
	above := image.Rect(0, 540, 300, 600) // of the blue border
	if ink := count(Panorama(uniform(red, 9, 9), nil), above, blue); ink < 300 {
		t.Errorf("%d blue pixels above the query picture, want the word", ink)
	}
	empty := Panorama(nil, nil)
	expectColour(t, empty, "panorama of nothing", empty.Bounds(), white)
}

func TestPanoramaWithoutSomePictures(t *testing.T) {
	items := []image.Image{uniform(red, 5, 5), nil, image.NewRGBA(image.Rectangle{})}
	got := Panorama(nil, items)
	for i := 1; i < 3; i++ {
		x := 300 + i*300
		expectFrame(t, got, "unreadable", image.Rect(x, 0, x+300, 300), 2, black)
		expectColour(t, got, "unreadable", image.Rect(x+2, 200, x+298, 298), grey)
		if ink := count(got, image.Rect(x+2, 100, x+298, 200), black); ink < 200 {
			t.Errorf("%d black pixels in unreadable cell %d, want a note", ink, i)
		}
		if count(got, image.Rect(x+2, 2, x+40, 38), red) < 40 {
			t.Errorf("unreadable cell %d has no number", i)
		}
	}
	expectColour(t, got, "unused cells", image.Rect(300, 300, 1200, 900), white)
	if more := Panorama(nil, append(ninePictures(), uniform(red, 3, 3))); more.Bounds() != got.Bounds() {
		t.Errorf("ten results give %v", more.Bounds())
	}
}

// TestShrunkPicturesLookTheSame: it makes no difference who scales a picture, beyond the rounding of
// what is transparent.
func TestShrunkPicturesLookTheSame(t *testing.T) {
	for name, at := range map[string]func(x, y int) color.Color{
		"opaque":      func(x, y int) color.Color { return color.NRGBA{uint8(3 * x), uint8(7 * y), uint8(x * y), 255} },
		"transparent": func(x, y int) color.Color { return color.NRGBA{uint8(3 * x), uint8(7 * y), 40, uint8(x + y)} },
	} {
		for _, size := range []image.Point{{350, 77}, {296, 296}, {1, 1}} {
			picture := image.NewNRGBA(image.Rect(5, -7, 5+size.X, size.Y-7))
			for y := range size.Y {
				for x := range size.X {
					picture.Set(5+x, y-7, at(x, y))
				}
			}
			want := Panorama(picture, []image.Image{picture, nil, picture})
			got := Panorama(ShrinkQuery(picture), []image.Image{ShrinkItem(picture), nil, ShrinkItem(picture)})
			far := 0
			for i := range want.Pix {
				far = max(far, int(want.Pix[i])-int(got.Pix[i]), int(got.Pix[i])-int(want.Pix[i]))
			}
			if limit := map[string]int{"opaque": 0, "transparent": 1}[name]; far > limit {
				t.Errorf("%s %v: %d off, limit %d", name, size, far, limit)
			}
		}
	}
}

func TestPanoramaStrangePictures(t *testing.T) {
	clear := image.NewNRGBA(image.Rect(-7, 5, 20, 60)) // transparent, and not at the origin
	tall := image.NewGray(image.Rect(0, 0, 1, 1<<20))
	wide := image.NewGray(image.Rect(0, 0, 1<<20, 1))
	got := Panorama(nil, []image.Image{clear, tall, wide})
	for i, want := range []color.RGBA{white, black, black} {
		expectColour(t, got, "strange picture", image.Rect(302+300*i, 40, 598+300*i, 298), want)
	}
}

func TestWords(t *testing.T) {
	for _, text := range []string{"", "leopard", "phone case with this image theme",
		"Donaudampfschifffahrtselektrizitätenhauptbetriebswerk", "long " + string(bytes.Repeat([]byte("words and "), 400))} {
		card := Words(text).(*image.RGBA)
		name := fmt.Sprintf("%.20q", text)
		if card.Bounds() != image.Rect(0, 0, 280, 280) {
			t.Errorf("%s: bounds %v", name, card.Bounds())
		}
		expectFrame(t, card, name, card.Bounds(), 8, white)
		if ink := count(card, card.Bounds(), black); text != "" && ink < 100 {
			t.Errorf("%s: %d black pixels", name, ink)
		}
	}
}

// TestPanoramaOfTheDemo draws the picture that people look at; PANORAMA=file.png keeps it.
func TestPanoramaOfTheDemo(t *testing.T) {
	demo := filepath.Join("..", "..", "docs", "demo")
	query := readJPEG(t, filepath.Join(demo, "leopard.jpg"))
	var items []image.Image
	for i := range MaxItems {
		items = append(items, readJPEG(t, filepath.Join(demo, "images", fmt.Sprintf("%04d.jpg", 558+i))))
	}
	drawn := Panorama(query, items)
	data, err := EncodeJPEG(drawn)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var sum, pixels int
	for y := 0; y < 900; y += 7 {
		for x := 0; x < 1200; x += 7 {
			a, b := drawn.RGBAAt(x, y), color.RGBAModel.Convert(decoded.At(x, y)).(color.RGBA)
			sum += max(int(a.G)-int(b.G), int(b.G)-int(a.G))
			pixels++
		}
	}
	if mean := float64(sum) / float64(pixels); mean > 4 {
		t.Errorf("the JPEG's green is off by %.2f on average, want at most 4", mean)
	}
	if path := os.Getenv("PANORAMA"); path != "" {
		var out bytes.Buffer
		if err := png.Encode(&out, decoded); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkPanorama(b *testing.B) {
	b.ReportAllocs()
	items := make([]image.Image, MaxItems)
	for i := range items {
		items[i] = uniform(itemColour(i), 512, 512)
	}
	for b.Loop() {
		if _, err := EncodeJPEG(Panorama(items[0], items)); err != nil {
			b.Fatal(err)
		}
	}
}

func readJPEG(t *testing.T, path string) image.Image {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := jpeg.Decode(file)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return picture
}

// expectColour reports the first pixel of r that differs from want.
func expectColour(t *testing.T, picture *image.RGBA, what string, r image.Rectangle, want color.RGBA) {
	t.Helper()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if got := picture.RGBAAt(x, y); got != want {
				t.Errorf("%s: pixel (%d, %d) is %v, want %v", what, x, y, got, want)
				return
			}
		}
	}
}

// expectFrame expects a border of exactly the given width just inside r.
func expectFrame(t *testing.T, picture *image.RGBA, what string, r image.Rectangle, width int, want color.RGBA) {
	t.Helper()
	for _, side := range []image.Rectangle{
		{r.Min, image.Pt(r.Max.X, r.Min.Y+width)}, {image.Pt(r.Min.X, r.Max.Y-width), r.Max},
		{r.Min, image.Pt(r.Min.X+width, r.Max.Y)}, {image.Pt(r.Max.X-width, r.Min.Y), r.Max},
	} {
		expectColour(t, picture, what+" border", side, want)
	}
	if inside := r.Max.Sub(image.Pt(width+1, width+1)); width < 8 && picture.RGBAAt(inside.X, inside.Y) == want {
		t.Errorf("%s: the border is wider than %d", what, width)
	}
}

func count(picture *image.RGBA, r image.Rectangle, want color.RGBA) (n int) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if picture.RGBAAt(x, y) == want {
				n++
			}
		}
	}
	return n
}
