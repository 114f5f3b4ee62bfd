package transport

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"vbge/server/fault"
)

const (
	gzipCoding = "gzip"
	zstdCoding = "zstd"
	// zstdWindow is the most that RFC 9659 lets a server have to offer.
	zstdWindow = 8 << 20
	// onePass is the most that is decompressed before its size is known.
	onePass = 8 << 20
)

// decompressor reads one body at a time. There are as many as processors: they compute without
// waiting for anybody, and each may hold a window of 8 MiB.
type decompressor struct {
	packed bytes.Reader // what both read, and are not to hold on to afterwards
	gzip   *gzip.Reader
	zstd   *zstd.Decoder
}

// open returns a reader of what packed holds.
func (d *decompressor) open(coding string, packed []byte) (io.Reader, error) {
	d.packed.Reset(packed)
	if coding == gzipCoding {
		if d.gzip == nil {
			d.gzip = new(gzip.Reader)
		}
		return d.gzip, d.gzip.Reset(&d.packed)
	}
	if d.zstd == nil {
		var err error
		// One at a time decodes in the caller's goroutine.
		d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, err
		}
	}
	return d.zstd, d.zstd.Reset(&d.packed)
}

// decompress returns what packed holds. What does not fit onePass is only counted at first, so that
// a bomb is known for one before there is memory for it.
func (s *Server) decompress(x *exchange, coding string, packed []byte) ([]byte, error) {
	var d *decompressor
	select {
	case d = <-s.unpack:
		defer func() { d.packed.Reset(nil); s.unpack <- d }()
	case <-x.ctx.Done():
		return nil, x.ctx.Err()
	}
	limit := s.options.MaxDecompressedBytes
	size := min(limit, onePass, max(blindBuffer, growth*int64(len(packed))))
	body, total, err := s.unfold(x, d, coding, packed, size)
	if err == nil && total > size {
		x.conn.hold(-size)
		body, _, err = s.unfold(x, d, coding, packed, total)
	}
	if err != nil {
		return nil, err
	}
	x.conn.hold(-int64(cap(packed)))
	return body, nil
}

// unfold decompresses up to size bytes, of which it takes the memory, and counts the rest.
func (s *Server) unfold(x *exchange, d *decompressor, coding string, packed []byte, size int64) (body []byte, total int64, err error) {
	r, err := d.open(coding, packed)
	if err != nil {
		return nil, 0, corrupt(coding, err)
	}
	if !x.conn.take(size) {
		return nil, 0, noMemory()
	}
	body = make([]byte, size)
	n, err := fill(body, r)
	total = int64(n)
	if err == nil {
		var rest int64
		rest, err = io.Copy(io.Discard, io.LimitReader(r, s.options.MaxDecompressedBytes+1-total))
		total += rest
	}
	switch {
	case err != nil && err != io.EOF:
		return nil, 0, corrupt(coding, err)
	case total > s.options.MaxDecompressedBytes:
		return nil, 0, fault.New(http.StatusRequestEntityTooLarge, "decompressed_too_large",
			fmt.Sprintf("the body has more than %d bytes when decompressed", s.options.MaxDecompressedBytes),
			"send fewer or smaller items, or start the server with a higher --max-decompressed-bytes")
	}
	return body[:n], total, nil
}

// fill is io.ReadFull, but for that it leaves io.ErrUnexpectedEOF to r.
func fill(body []byte, r io.Reader) (n int, err error) {
	for n < len(body) && err == nil {
		var more int
		more, err = r.Read(body[n:])
		n += more
	}
	return n, err
}

func corrupt(coding string, err error) error {
	return fault.New(http.StatusBadRequest, "corrupt_body", "the body is not whole as "+coding+": "+err.Error(),
		"compress it again, or send it as it is, without Content-Encoding").Because(err)
}
