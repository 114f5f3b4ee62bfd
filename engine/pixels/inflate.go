package pixels

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/zlib"
)

// inflater reads one zlib stream after another with the same tables: those of a file may be many and small.
type inflater struct{ reader io.ReadCloser }

func (i *inflater) open(data []byte) (io.Reader, error) {
	if i.reader != nil {
		return i.reader, i.reader.(zlib.Resetter).Reset(bytes.NewReader(data), nil)
	}
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	i.reader = r
	return r, nil
}
