package pixels

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"maps"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestBombs has small files that unfold to much: each is refused, or is the picture that it shows, for less than 50 MB
// beyond what DecodedBytes says.
func TestBombs(t *testing.T) {
	const most = 50 << 20
	files := readGolden(t).files
	rgb, side := files["rgb.png"], 8
	crop := func(file []byte) []byte {
		picture, err := Crop(file, side, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return picture
	}
	large := 10000
	if underRaceDetector() { // where memory is not looked at, and time is ten times as long
		large = 2000
	}
	dark, zeros := make([]byte, 3*side*side), deflatedZeros(1<<20)
	for _, bomb := range []struct {
		name string
		file []byte
		want any // the crop, or the error; nil for either
	}{
		{"40,000 x 40,000 PNG", lie(t, "rgb.png", 40000, 40000), ErrTooLarge},
		{"PNG of 100 MB of black", zeroPNG(0, pngGray, large, large, large*large+large, nil), dark},
		{"PNG of 100 MB with alpha", zeroPNG(0, pngRGBA, large/2, large/2, large*large+large/2, nil), dark},
		{"tall PNG of 100 MB with alpha", zeroPNG(0, pngRGBA, large*7/20, large*5/7, large*large+large, nil), dark},
		{"PNG of 8 x 8 with 1 GB of pixels", zeroPNG(0, pngGray, 8, 8, 1<<30, nil), dark},
		{"PNG with a text of 1 GB", zeroPNG(0, pngGray, 8, 8, 72, chunk("zTXt", "Comment\x00\x00", deflatedZeros(1<<30))), ErrFormat},
		{"PNG with an international text of 1 GB", zeroPNG(0, pngGray, 8, 8, 72, chunk("iTXt", "Comment\x00\x01\x00\x00\x00", deflatedZeros(1<<30))), ErrFormat},
		{"PNG with a profile of 1 GB", zeroPNG(0, pngGray, 8, 8, 72, chunk("iCCP", "name\x00\x00", deflatedZeros(1<<30))), ErrFormat},
		{"PNG with 1,000 texts of 1 MB", zeroPNG(0, pngGray, 8, 8, 72, bytes.Repeat(chunk("zTXt", "Comment\x00\x00", deflatedZeros(1<<20)), 1000)), ErrFormat},
		{"PNG with 33 texts of 1 MB, which Pillow reads", zeroPNG(0, pngGray, 8, 8, 72, bytes.Repeat(chunk("zTXt", "Comment\x00\x00", deflatedZeros(1<<20)), 33)), dark},
		{"PNG with 1,000 texts of 1 MB without a name", zeroPNG(0, pngGray, 8, 8, 72, bytes.Repeat(chunk("zTXt", "\x00\x00", deflatedZeros(1<<20)), 1000)), ErrFormat},
		{"PNG with a text of 60 MB that is a name", zeroPNG(0, pngGray, 8, 8, 72, chunk("tEXt", "", bytes.Repeat([]byte("a"), 60<<20))), dark},
		{"interlaced PNG of 64 MB", zeroPNG(1, pngGray, large*4/5, large*4/5, large*large, nil), dark},
		{"65,500 x 65,500 JPEG", lie(t, "progressive_420.jpg", 65500, 65500), ErrTooLarge},
		{"10,000 x 10,000 JPEG in 3 kB", lie(t, "progressive_420.jpg", large, large), nil}, // by libjpeg grey below, by Go damaged
		{"10,000 x 10,000 JPEG of 400 scans", manyScans(lie(t, "progressive_420.jpg", 10000, 10000), 400), ErrFormat},
		{"JPEG of 5,000 scans", manyScans(files["progressive_420.jpg"], 5000), ErrFormat},
		{"JPEG whose EXIF begins anew a million times", slices.Concat(files["progressive_420.jpg"][:2], bytes.Repeat([]byte("\xff\xe1\x00\x10"+exifMagic+"MM\x00*\x00\x00\x00\x08"), 1e6),
			files["progressive_420.jpg"][2:]), crop(files["progressive_420.jpg"])},
		{"65,535 x 65,535 GIF", lie(t, "animated.gif", 65535, 65535), ErrTooLarge},
		{"GIF of 10,000 frames", animation(t, 10_000), crop(animation(t, 1))},
		{"GIF of 1 pixel on 10,000 x 10,000", smallFrame(t, large, large), dark},
		{"run-length coded BMP of 100 MB", runBMP(large, large), dark},
		{"run-length coded BMP of 2 billion pixels", runBMP(1<<16, 1<<15), ErrTooLarge},
		{"BMP of lying size", lie(t, "rgb.bmp", 9000, 9000), ErrFormat},
		{"WebP of 10,000 frames", manyFrames(files["lossy.webp"], 10_000), crop(files["lossy.webp"])},
		{"16,000 x 16,000 WebP", lie(t, "lossy.webp", 16000, 16000), ErrTooLarge},
		{"lying WebP", lie(t, "lossy.webp", large*9/10, large*9/10), ErrFormat},
		{"TIFF of 100 MB of black", greyTIFF(uint32(large), uint32(large), zeros, map[uint16][]uint32{tiffRowsPerStrip: {100}, tiffStripOffsets: slices.Repeat([]uint32{8}, 100),
			tiffStripBytes: slices.Repeat([]uint32{uint32(len(zeros))}, 100)}), dark},
		{"TIFF of 100 MB in nothing", greyTIFF(10000, 10000, nil, map[uint16][]uint32{tiffStripOffsets: {8}, tiffStripBytes: {1 << 31}}), ErrFormat},
		{"40,000 x 40,000 TIFF", greyTIFF(40000, 40000, nil, map[uint16][]uint32{tiffStripOffsets: {8}, tiffStripBytes: {1}}), ErrTooLarge},
		{"TIFF of a million tiles", greyTIFF(1000, 1000, deflatedZeros(1), tiles(1_000_000, 9)), ErrFormat},
		{"TIFF whose tiles are all the whole file", greyTIFF(512, 512, deflatedZeros(1), tiles(1<<18, 1<<21)), ErrFormat},
		{"TIFF that says 2 million times how many bits a sample has", greyTIFF(8, 8, zeros, map[uint16][]uint32{tiffBits: make([]uint32, 2<<20), tiffStripOffsets: {8}, tiffStripBytes: {9}}), ErrFormat},
		{"TIFF of a tile of 4 billion pixels", greyTIFF(8, 8, zeros, map[uint16][]uint32{tiffTileWidth: {65535}, tiffTileLength: {65535}, tiffTileOffsets: {8}, tiffTileBytes: {uint32(len(zeros))}}), ErrTooLarge},
		{"TIFF of 2^32 x 2^32 pixels", wideTIFF(tiffWidth, tiffLength), ErrTooLarge},
		{"TIFF of a tile of 2^32 x 2^32 pixels", wideTIFF(tiffTileWidth, tiffTileLength), ErrTooLarge},
		{"TIFF of 1 x 2,000 pixels in 2,000 tiles of 50 MB", greyTIFF(1, 2000, deflatedZeros(50_000_000), map[uint16][]uint32{tiffTileWidth: {50_000_000}, tiffTileLength: {1},
			tiffTileOffsets: slices.Repeat([]uint32{8}, 2000), tiffTileBytes: slices.Repeat([]uint32{50_000}, 2000)}), ErrTooLarge},
		{"TIFF that says 200,000 times what its extra samples are", greyTIFF(8, 8, zeros, map[uint16][]uint32{tiffExtraSamples: make([]uint32, 200_000), tiffStripOffsets: {8}, tiffStripBytes: {9}}), ErrFormat},
		{"TIFF whose strips are all both halves of it", greyTIFF(4096, 4096, make([]byte, 1<<23+100), map[uint16][]uint32{tiffCompression: {tiffPlain}, tiffRowsPerStrip: {2048}, tiffStripOffsets: counted(8, 100)}), ErrFormat},
		{"TIFF whose rows are each a JPEG of all", jpegTIFF(500, 500, lie(t, "gray.jpg", 500, 500), nil), ErrFormat},
		{"TIFF whose row is a JPEG of 60,000", jpegTIFF(1000, 1, lie(t, "gray.jpg", 1000, 60_000), nil), ErrFormat},
		{"TIFF of 1,000 JPEGs that share tables of 1 MB", jpegTIFF(8, 1000, lie(t, "gray.jpg", 8, 1), bytes.Repeat([]byte("\xff\xfe\x7f\xfe"+strings.Repeat("-", 0x7ffc)), 32)), ErrFormat},
		{"PNG that is what it says", rgb, crop(rgb)},
	} {
		extra, got, err := peakOfCrop(t, Options{}, bomb.file, side)
		switch want := bomb.want.(type) {
		case error:
			if !errors.Is(err, want) {
				t.Errorf("%s, %d bytes: %v, want %v", bomb.name, len(bomb.file), err, want)
			}
		case []byte:
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %d bytes: another picture, %v", bomb.name, len(bomb.file), err)
			}
		}
		t.Logf("%s, %d bytes: %d MB extra, %.300v", bomb.name, len(bomb.file), extra>>20, err)
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("%s, %d bytes: a message of %d", bomb.name, len(bomb.file), len(err.Error()))
		}
		if extra > most && !underRaceDetector() {
			t.Errorf("%s, %d bytes: %d MB extra", bomb.name, len(bomb.file), extra>>20)
		}
	}
}

// TestFastBombs has JPEGs of which the fast mode promises little, and takes no more.
func TestFastBombs(t *testing.T) {
	const most = 50 << 20
	large := 10000
	if underRaceDetector() {
		large = 2000
	}
	for _, bomb := range []struct {
		name string
		file []byte
		want error
	}{
		{"65,500 x 65,500", lie(t, "progressive_420.jpg", 65500, 65500), ErrTooLarge},
		{"10,000 x 10,000 in 400 scans", manyScans(lie(t, "progressive_420.jpg", 10000, 10000), 400), ErrFormat},
		{"progressive, 10,000 x 10,000 in 3 kB", lie(t, "progressive_420.jpg", large, large), nil},
		{"baseline, 10,000 x 10,000 in 3 kB", lie(t, "baseline_420.jpg", large, large), nil},
	} {
		extra, _, err := peakOfCrop(t, Options{FastJPEG: true}, bomb.file, 224)
		t.Logf("%s: %d MB extra, %v", bomb.name, extra>>20, err)
		if bomb.want != nil && !errors.Is(err, bomb.want) {
			t.Errorf("%s: %v, want %v", bomb.name, err, bomb.want)
		}
		if extra > most && !underRaceDetector() {
			t.Errorf("%s: %d MB extra", bomb.name, extra>>20)
		}
	}
}

// peakOfCrop returns how much more than DecodedBytes the process held while it cropped.
func peakOfCrop(t *testing.T, o Options, file []byte, side int) (extra int64, rgb []byte, err error) {
	t.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // the peak is what is held now
		t.Skip("the kernel does not forget the peak of memory: ", err)
	}
	before := peak(t)
	promised, err := o.DecodedBytes(file, side)
	if err == nil {
		rgb, err = o.Crop(file, side)
		Orientation(file)
	}
	return peak(t) - before - promised, rgb, err
}

// peak is the most memory that the process has had, in bytes.
func peak(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Skip("the kernel does not tell the peak of memory")
	}
	kilobytes, _ := strconv.ParseInt(string(found[1]), 10, 64)
	return kilobytes << 10
}

// underRaceDetector tells whether memory is several times what it would be.
func underRaceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// deflatedZeros is n zeros as zlib has them: the same deflated MiB again and again.
func deflatedZeros(n int) []byte {
	const piece = 1 << 20
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
	w.Write(make([]byte, min(n, piece)))
	w.Flush()
	head, body := slices.Clone(b.Bytes()[:2]), slices.Clone(b.Bytes()[2:])
	all := append(head, bytes.Repeat(body, n/piece)...)
	b.Reset()
	w.Reset(&b)
	w.Write(make([]byte, n%piece))
	w.Close()
	all = append(all, b.Bytes()[2:b.Len()-4]...)
	return binary.BigEndian.AppendUint32(all, uint32(n%65521)<<16|1) // Adler-32 of zeros
}

// chunk is one of a PNG.
func chunk(kind, head string, body []byte) []byte {
	all := append([]byte(kind+head), body...)
	out := binary.BigEndian.AppendUint32(nil, uint32(len(all)-4))
	return binary.BigEndian.AppendUint32(append(out, all...), crc32.ChecksumIEEE(all))
}

// zeroPNG is a picture of n zeros, filters' bytes included, behind other chunks.
func zeroPNG(interlaced, colour byte, width, height, n int, others []byte) []byte {
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(width)), uint32(height))
	return slices.Concat([]byte(pngMagic), chunk("IHDR", "", append(header, 8, colour, 0, 0, interlaced)), others,
		chunk("IDAT", "", deflatedZeros(n)), chunk("IEND", "", nil))
}

// manyScans repeats a progressive JPEG's last scan.
func manyScans(file []byte, n int) []byte {
	last, end := bytes.LastIndex(file, []byte{0xff, 0xda}), bytes.LastIndex(file, []byte{0xff, 0xd9})
	return slices.Concat(file[:last], bytes.Repeat(file[last:end], n), file[end:])
}

func animation(t *testing.T, frames int) []byte {
	t.Helper()
	var g gif.GIF
	for i := range frames {
		frame := image.NewPaletted(image.Rect(0, 0, 8, 8), color.Palette{color.Black, color.White})
		frame.SetColorIndex(i%8, 3, 1)
		g.Image, g.Delay = append(g.Image, frame), append(g.Delay, 1)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// smallFrame is a GIF of one black pixel in the corner of a large screen.
func smallFrame(t *testing.T, width, height int) []byte {
	t.Helper()
	g := gif.GIF{Image: []*image.Paletted{image.NewPaletted(image.Rect(0, 0, 1, 1), color.Palette{color.Black, color.White})}, Delay: []int{0}}
	g.Config.Width, g.Config.Height, g.Config.ColorModel = width, height, g.Image[0].Palette
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// runBMP is black, by moves over all of it.
func runBMP(width, height int) []byte {
	le := binary.LittleEndian
	file := append([]byte("BM"), make([]byte, 14-2+40+4*256)...)
	le.PutUint32(file[10:], uint32(len(file)))
	le.PutUint32(file[14:], 40)
	le.PutUint32(file[18:], uint32(width))
	le.PutUint32(file[22:], uint32(height))
	le.PutUint16(file[26:], 1)
	le.PutUint16(file[28:], 8)
	le.PutUint32(file[30:], 1)
	file[54+4*255] = 255 // no ramp of greys, which would make another mode
	return append(append(file, bytes.Repeat([]byte{0, 2, 255, 255}, height/255+1)...), 0, 1)
}

// manyFrames is an animation of a still WebP again and again.
func manyFrames(file []byte, n int) []byte {
	le := binary.LittleEndian
	still, _ := readWebP(file)
	size := func(b []byte, v int) []byte { return append(b, byte(v), byte(v>>8), byte(v>>16)) }
	riff := func(kind string, body []byte) []byte {
		return append(le.AppendUint32([]byte(kind), uint32(len(body))), body...)
	}
	head := size(size([]byte{2, 0, 0, 0}, still.width-1), still.height-1)
	frame := append(size(size(make([]byte, 6), still.width-1), still.height-1), 0, 0, 0, 0)
	body := slices.Concat([]byte("WEBP"), riff("VP8X", head), riff("ANIM", make([]byte, 6)),
		bytes.Repeat(riff("ANMF", append(frame, still.chunks...)), n))
	return riff("RIFF", body)
}

// greyTIFF is Deflate-coded, with more tags or others. Its data begins at byte 8, the first strip's or tile's.
func greyTIFF(width, height uint32, data []byte, tags map[uint16][]uint32) []byte {
	le := binary.LittleEndian
	all := map[uint16][]uint32{tiffWidth: {width}, tiffLength: {height}, tiffBits: {8}, tiffCompression: {tiffDeflate}, tiffPhotometric: {tiffBlackIsZero}}
	maps.Copy(all, tags)
	file := append([]byte("II*\x00\x00\x00\x00\x00"), data...)
	directory := le.AppendUint16(nil, uint16(len(all)))
	for _, tag := range slices.Sorted(maps.Keys(all)) {
		values := all[tag]
		directory = le.AppendUint32(le.AppendUint16(le.AppendUint16(directory, tag), 4), uint32(len(values)))
		if len(values) == 1 {
			directory = le.AppendUint32(directory, values[0])
			continue
		}
		directory = le.AppendUint32(directory, uint32(len(file)))
		for _, v := range values {
			file = le.AppendUint32(file, v)
		}
	}
	le.PutUint32(file[4:], uint32(len(file)))
	directory = le.AppendUint32(directory, uint32(len(file))) // the next directory is this one
	return append(file, directory...)
}

// wideTIFF has 2^32 in two tags, which are of a type that has room for it.
func wideTIFF(tags ...uint16) []byte {
	values := map[uint16][]uint32{tiffTileWidth: {8}, tiffTileLength: {8}, tiffTileOffsets: {8}, tiffTileBytes: {1}}
	for _, tag := range tags {
		values[tag] = []uint32{0, 1}
	}
	file := greyTIFF(8, 8, []byte{0}, values)
	for _, tag := range tags {
		entry := binary.LittleEndian.AppendUint16(nil, tag)
		at := bytes.LastIndex(file, append(entry, 4, 0, 2, 0, 0, 0))
		file[at+2], file[at+4] = 16, 1
	}
	return file
}

// jpegTIFF has a JPEG for each row, always the same one.
func jpegTIFF(width, height uint32, file, tables []byte) []byte {
	tags := map[uint16][]uint32{tiffCompression: {tiffJPEG}, tiffRowsPerStrip: {1},
		tiffStripOffsets: slices.Repeat([]uint32{8}, int(height)), tiffStripBytes: slices.Repeat([]uint32{uint32(len(file))}, int(height))}
	for tables = append([]byte("\xff\xd8\xff\xfe\x00\x04--"), tables...); len(tables) >= 4; tables = tables[4:] {
		tags[tiffJPEGTables] = append(tags[tiffJPEGTables], binary.LittleEndian.Uint32(tables))
	}
	return greyTIFF(width, height, file, tags)
}

// counted are n numbers from first on.
func counted(first uint32, n int) []uint32 {
	numbers := make([]uint32, n)
	for i := range numbers {
		numbers[i] = first + uint32(i)
	}
	return numbers
}

// tiles are n of 1 x 1 pixel, each at the file's first data and so many bytes long.
func tiles(n int, size uint32) map[uint16][]uint32 {
	return map[uint16][]uint32{tiffTileWidth: {1}, tiffTileLength: {1}, tiffTileOffsets: slices.Repeat([]uint32{8}, n), tiffTileBytes: slices.Repeat([]uint32{size}, n)}
}
