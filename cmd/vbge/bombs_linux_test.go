package main

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"io"
	"math"
	"net/http"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestServeBombs sends what is small and unfolds to much: each is refused, or is the picture that it
// shows, and all together cost less than 50 MB.
func TestServeBombs(t *testing.T) {
	s := serve(t, "--model", tinyModel(t), "--uri", "")
	picture := readFile(t, imagePath("rgb.png"))
	s.post(t, "/embed", "image/png", picture, http.StatusOK) // what every request costs
	before := s.peak(t)
	for _, bomb := range []struct {
		name, contentType, coding string
		body                      []byte
		want                      int
	}{
		{"gzip of 300 MB", "application/json", "gzip", gzipped(t, 300), 413},
		{"zstd of 300 MB", "application/json", "zstd", zstandard(t, 300), 413},
		{"gzip in gzip", "application/json", "gzip", gzippedBytes(t, gzipped(t, 300)), 400},
		{"40,000 x 40,000 PNG", "image/png", "", widePNG(t, picture, 40000, 40000), 413},
		{"1 x 65,537 PNG", "image/png", "", widePNG(t, picture, 1, 65537), 413},
		{"2 billion x 2 billion PNG", "image/png", "", widePNG(t, picture, math.MaxInt32, math.MaxInt32), 413},
		{"JPEG of 5,000 scans", "image/jpeg", "", longJPEG(t), 400},
		{"a form of 10,000 parts", "multipart/form-data; boundary=e", "", bytes.Repeat([]byte("--e\r\nContent-Disposition: form-data; name=text\r\n\r\n\r\n"), 10_000), 413},
		{"PNG with 64 MB of text", "image/png", "", wordyPNG(t, picture, 64<<20), 400},
		{"GIF of 10,000 frames", "image/gif", "", longGIF(t), 200},
		{"arrays in arrays", "application/json", "", []byte(`{"inputs": ` + strings.Repeat("[", 1<<20)), 400},
		{"a million items", "application/json", "", []byte(`{"inputs": [` + strings.Repeat(`"",`, 1<<20) + `""]}`), 413},
	} {
		request, err := http.NewRequest(http.MethodPost, s.url+"/embed", bytes.NewReader(bomb.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", bomb.contentType)
		if bomb.coding != "" {
			request.Header.Set("Content-Encoding", bomb.coding)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatalf("%s: %v", bomb.name, err)
		}
		reply, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != bomb.want {
			t.Errorf("%s, %d bytes: status %d, want %d: %.200s", bomb.name, len(bomb.body), response.StatusCode, bomb.want, reply)
		}
	}
	extra := s.peak(t) - before
	t.Logf("%d MB extra", extra>>20)
	if extra > 50<<20 && !underRaceDetector() {
		t.Errorf("%d MB extra", extra>>20)
	}
	s.stop(t)
}

// underRaceDetector tells whether memory is several times what it would be.
func underRaceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// peak is the most memory that the process has had, in bytes.
func (p *process) peak(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.Process.Pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("no peak in %s", status)
	}
	kilobytes, _ := strconv.Atoi(string(found[1]))
	return kilobytes << 10
}

// gzipped is n MiB of zeros: many streams one after another, which are one.
func gzipped(t *testing.T, n int) []byte {
	t.Helper()
	return bytes.Repeat(gzippedBytes(t, make([]byte, 1<<20)), n)
}

func gzippedBytes(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func zstandard(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(make([]byte, 1<<20))
	w.Close()
	return bytes.Repeat(b.Bytes(), n)
}

// widePNG is a PNG whose header claims width x height.
func widePNG(t *testing.T, file []byte, width, height uint32) []byte {
	t.Helper()
	file = bytes.Clone(file)
	binary.BigEndian.PutUint32(file[16:], width)
	binary.BigEndian.PutUint32(file[20:], height)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

// wordyPNG has a compressed text chunk of n bytes before its pixels.
func wordyPNG(t *testing.T, file []byte, n int) []byte {
	t.Helper()
	var text bytes.Buffer
	text.WriteString("zTXtComment\x00\x00")
	w := zlib.NewWriter(&text)
	w.Write(make([]byte, n))
	w.Close()
	const header = 8 + 25 // signature and IHDR
	out := append([]byte(nil), file[:header]...)
	out = binary.BigEndian.AppendUint32(out, uint32(text.Len()-4))
	out = append(out, text.Bytes()...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(text.Bytes()))
	return append(out, file[header:]...)
}

// longJPEG has its last scan 5,000 times.
func longJPEG(t *testing.T) []byte {
	t.Helper()
	file := readFile(t, imagePath("progressive_420.jpg"))
	last, end := bytes.LastIndex(file, []byte{0xff, 0xda}), bytes.LastIndex(file, []byte{0xff, 0xd9})
	return slices.Concat(file[:last], bytes.Repeat(file[last:end], 5000), file[end:])
}

func longGIF(t *testing.T) []byte {
	t.Helper()
	var g gif.GIF
	frame := image.NewPaletted(image.Rect(0, 0, 8, 8), color.Palette{color.Black, color.White})
	for range 10_000 {
		g.Image, g.Delay = append(g.Image, frame), append(g.Delay, 1)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
