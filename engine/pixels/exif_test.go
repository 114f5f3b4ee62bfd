package pixels

import (
	"slices"
	"testing"
)

// TestOriented has a picture of 2 x 3 pixels, numbered, in each orientation: what a viewer shows, row by row.
func TestOriented(t *testing.T) {
	p := &Picture{Mode: Gray, Width: 2, Height: 3, Pix: []uint8{1, 2, 3, 4, 5, 6}}
	for o, want := range [][]uint8{
		1: {1, 2, 3, 4, 5, 6}, 2: {2, 1, 4, 3, 6, 5}, 3: {6, 5, 4, 3, 2, 1}, 4: {5, 6, 3, 4, 1, 2},
		5: {1, 3, 5, 2, 4, 6}, 6: {5, 3, 1, 6, 4, 2}, 7: {6, 4, 2, 5, 3, 1}, 8: {2, 4, 6, 1, 3, 5},
	} {
		if o == 0 {
			continue
		}
		for _, mode := range []Mode{Gray, GrayAlpha, Gray16, Float} {
			q := newPicture(mode, 2, 3)
			for i, v := range p.Pix {
				switch mode {
				case Gray16:
					q.Pix16[i] = uint16(v)
				case Float:
					q.Wide[i] = float64(v)
				default:
					for b := range mode.bands() {
						q.Pix[i*mode.bands()+b] = v
					}
				}
			}
			q = q.Oriented(o)
			var got []uint8
			for i := range want {
				switch mode {
				case Gray16:
					got = append(got, uint8(q.Pix16[i]))
				case Float:
					got = append(got, uint8(q.Wide[i]))
				default:
					got = append(got, q.Pix[(i+1)*mode.bands()-1])
				}
			}
			wide := 2
			if o >= 5 {
				wide = 3
			}
			if !slices.Equal(got, want) || q.Width != wide || q.Height != 5-wide {
				t.Errorf("%d, mode %s: %v, %d x %d; want %v", o, mode, got, q.Width, q.Height, want)
			}
		}
	}
}
