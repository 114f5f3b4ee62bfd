package rerank

import "image"

// reduce averages the pixels of a picture that is much larger than what is shown, in blocks, so that
// at least twice the side is left for the better scaler, whose cost is that of every pixel times
// several: what Pillow does with reducing_gap=2. Other pictures are returned as they are.
func reduce(picture image.Image, side int) image.Image {
	from, ok := picture.(*image.RGBA)
	size := picture.Bounds().Size()
	width, height := min(size.X, 2*side), min(size.Y, 2*side)
	if !ok || picture.Bounds().Empty() || size.X*size.Y < 4*width*height {
		return picture
	}
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	edges := make([]int, width+1) // of the blocks, in bytes of a row
	for x := range edges {
		edges[x] = 4 * (x * size.X / width)
	}
	sums := make([][4]uint32, width)
	for y := range height {
		clear(sums)
		first, end := y*size.Y/height, (y+1)*size.Y/height
		for row := first; row < end; row++ {
			addRow(sums, from.Pix[row*from.Stride:], edges)
		}
		for x, sum := range sums {
			n := uint32((end - first) * (edges[x+1] - edges[x]) / 4)
			pixel := to.Pix[y*to.Stride+4*x:][:4]
			for c := range pixel {
				pixel[c] = uint8((sum[c] + n/2) / n)
			}
		}
	}
	return to
}

// addRow adds the pixels of a row to the sums of their blocks.
func addRow(sums [][4]uint32, row []uint8, edges []int) {
	for x := range sums {
		var r, g, b, a uint32
		for block := row[edges[x]:edges[x+1]]; len(block) >= 4; block = block[4:] {
			r, g, b, a = r+uint32(block[0]), g+uint32(block[1]), b+uint32(block[2]), a+uint32(block[3])
		}
		sum := &sums[x]
		sum[0], sum[1], sum[2], sum[3] = sum[0]+r, sum[1]+g, sum[2]+b, sum[3]+a
	}
}
