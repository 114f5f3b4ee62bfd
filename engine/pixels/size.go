package pixels

import "fmt"

// DecodedBytes returns what Decode takes of memory at its most beside the file itself: the size that the header states
// times what the decoder in use holds of a pixel. Nothing is decoded. Errors are those with which Decode refuses a header.
func DecodedBytes(file []byte, l Limits) (int64, error) { return DecodedBytesScaled(file, 0, l) }

// DecodedBytesScaled is DecodedBytes of DecodeScaled.
func DecodedBytesScaled(file []byte, enough int, l Limits) (int64, error) {
	l = l.orDefaults()
	f, err := l.formatOf(file)
	if err != nil {
		return 0, err
	}
	width, height, perPixel, err := f.size(file)
	if err == nil {
		err = l.checkSize(width, height)
	}
	if err != nil {
		return 0, fmt.Errorf("read the header of %s of %d bytes: %w", f.name, len(file), err)
	}
	if f.inFull == nil {
		enough = 0
	}
	at := scaleFor(width, height, enough)
	inFull := 0
	if at < whole {
		inFull = f.inFull(file, perPixel)
	}
	scaled := int64(at.samples(width)) * int64(at.samples(height))
	return scaled*int64(perPixel-inFull) + int64(width)*int64(height)*int64(inFull), nil
}

// sizeWebP counts samples with the planes that they are made of: luma and chroma, or a word of lossless colour or alpha.
func sizeWebP(file []byte) (width, height, perPixel int, err error) {
	f, err := readWebP(file)
	perPixel = 3 + 2
	if f.alpha || f.lossless {
		perPixel = 4 + 7
	}
	return f.width, f.height, perPixel, err
}
