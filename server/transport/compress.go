package transport

import (
	"bytes"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// minCompressed is the size from which on a reply is worth compressing: below, it is one packet.
const minCompressed = 1 << 10

// compressor compresses replies, as fast as it can: what it saves is bytes, what it costs is the
// model's time.
type compressor struct {
	zstd *zstd.Encoder
	gzip sync.Pool
}

func newCompressor() (*compressor, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)))
	if err != nil {
		return nil, err
	}
	return &compressor{zstd: encoder, gzip: sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for unknown levels alone
		return w
	}}}, nil
}

// compress returns body in a coding of Accept-Encoding, and which; "" where it stays as it is.
func (c *compressor) compress(body []byte, acceptEncoding string) ([]byte, string) {
	if len(body) < minCompressed {
		return body, ""
	}
	var packed []byte
	coding := negotiate(acceptEncoding)
	switch coding {
	case zstdCoding:
		packed = c.zstd.EncodeAll(body, make([]byte, 0, len(body)/2))
	case gzipCoding:
		buffer := bytes.NewBuffer(make([]byte, 0, len(body)/2))
		w := c.gzip.Get().(*gzip.Writer)
		w.Reset(buffer)
		_, _ = w.Write(body) // a bytes.Buffer does not fail
		_ = w.Close()
		c.gzip.Put(w)
		packed = buffer.Bytes()
	}
	if coding == "" || len(packed) >= len(body) {
		return body, ""
	}
	return packed, coding
}

// negotiate returns the coding that a client would rather have, zstd of two that it likes equally;
// "" is none (RFC 9110, section 12.5.3).
func negotiate(acceptEncoding string) string {
	weights := map[string]float64{}
	for part := range strings.SplitSeq(acceptEncoding, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		name = coding([]byte(name))
		if strings.TrimSpace(part) == "" {
			continue
		}
		weights[name] = quality(parameters)
	}
	best, most := "", 0.0
	for _, name := range []string{zstdCoding, gzipCoding} {
		weight, ok := weights[name]
		if !ok {
			weight = weights["*"]
		}
		if weight > most {
			best, most = name, weight
		}
	}
	// Identity is wanted more only where it says so: unnamed it is acceptable, not preferred.
	if weights[""] > most {
		return ""
	}
	return best
}

// quality is the q of an entry's parameters: 1 where there is none, 0 where it cannot be read.
func quality(parameters string) float64 {
	key, value, found := strings.Cut(parameters, "=")
	if !found && strings.TrimSpace(parameters) == "" {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if !strings.EqualFold(strings.TrimSpace(key), "q") || err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}

// compressible reports whether bodies of a media type shrink: pictures and vectors as numbers do not.
func compressible(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	switch media {
	case "application/json", "application/yaml", "application/javascript", "application/openmetrics-text", "image/svg+xml":
		return true
	}
	return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json")
}
