//go:build unix

package tokenizer

import (
	"encoding/json"
	"os"
	"syscall"
	"testing"
	"time"
)

// BenchmarkTexts encodes each text of a file, JSON strings one a line, for testdata/bench_tokenizers.py.
func BenchmarkTexts(b *testing.B) {
	path := os.Getenv("VBGE_TEXTS")
	if path == "" {
		b.Skip("VBGE_TEXTS names no file")
	}
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var texts []string
	for lines := json.NewDecoder(f); lines.More(); {
		var text string
		if err := lines.Decode(&text); err != nil {
			b.Fatal(err)
		}
		texts = append(texts, text)
	}
	tok := bert(b)
	var dst []int32
	ids, start := 0, processorTime(b)
	for b.Loop() {
		ids = 0
		for _, text := range texts {
			dst = tok.Encode(dst[:0], text, 0)
			ids += len(dst)
		}
	}
	b.ReportMetric(float64(processorTime(b)-start)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(ids), "ids/op")
}

// processorTime is what this process has used, by all threads, of its own and of the system's.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
