//go:build unix

package pixels

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// BenchmarkBesidePillow is the half of testdata/bench_pillow.py that is not Pillow, and does nothing without it. Standard
// input has a line for each picture, "load NAME MODE WIDTH HEIGHT", whose samples are in a file of that name, then "crop NAME
// TIMES" or "normalise NAME TIMES", which are answered by the seconds of processor time that one takes. "sum NAME" is answered by the
// SHA-256 of the model's input. For testdata/bench_jpeg.py "exact FILE TIMES" and "fast FILE TIMES" read a picture file in the same
// folder, without and with FastJPEG, and are answered by the time from its bytes to the crop; by the crop's SHA-256 where TIMES is 0.
func BenchmarkBesidePillow(b *testing.B) {
	folder := os.Getenv("VBGE_BESIDE_PILLOW")
	if folder == "" {
		b.Skip("testdata/bench_pillow.py runs it")
	}
	const side = 224
	mean, std := [3]float32{0.48145466, 0.4578275, 0.40821073}, [3]float32{0.26862954, 0.26130258, 0.27577711}
	pictures := map[string]*Picture{}
	files := map[string][]byte{}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var what, name string
		var mode Mode
		var a, height int
		fmt.Sscan(in.Text(), &what, &name, &a, &height, &mode)
		var answer any = 0
		began := processorTime(b)
		switch p := pictures[name]; what {
		case "load":
			pictures[name] = readSamples(b, filepath.Join(folder, name), mode, a, height)
		case "crop":
			for range a {
				p.Crop(side)
			}
			answer = (processorTime(b) - began) / float64(a)
		case "normalise":
			for range a {
				Normalise(p.Crop(side), mean, std)
			}
			answer = (processorTime(b) - began) / float64(a)
		case "sum":
			sum := sha256.New()
			for _, v := range Normalise(p.Crop(side), mean, std) {
				sum.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
			}
			answer = fmt.Sprintf("%x", sum.Sum(nil))
		case "exact", "fast":
			o := Options{FastJPEG: what == "fast"}
			if a == 0 {
				files[name] = readFile(b, filepath.Join(folder, name))
				answer = digest(cropFile(b, o, files[name], side))
				break
			}
			for range a {
				cropFile(b, o, files[name], side)
			}
			answer = (processorTime(b) - began) / float64(a)
		}
		fmt.Println("answer", answer)
	}
}

func cropFile(b *testing.B, o Options, file []byte, side int) []uint8 {
	b.Helper()
	rgb, err := o.Crop(file, side)
	if err != nil {
		b.Fatal(err)
	}
	return rgb
}

func readFile(b *testing.B, path string) []byte {
	b.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return data
}

// readSamples reads a picture's samples as Pillow's tobytes gives them, after its palette if it has one.
func readSamples(b *testing.B, path string, mode Mode, width, height int) *Picture {
	b.Helper()
	data := readFile(b, path)
	p := newPicture(mode, width, height)
	if mode == Paletted {
		p.setPalette(data, 3, 0, 1, 2)
		data = data[3*256:]
	}
	copy(p.Pix, data)
	for i := range p.Pix16 {
		p.Pix16[i] = binary.LittleEndian.Uint16(data[2*i:])
	}
	return p
}

// processorTime is what this process has used, in seconds, garbage collection included.
func processorTime(b *testing.B) float64 {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}
