package pixels

// scale is at how many eighths of its width and height a JPEG is decoded: 1, 2, 4 or all 8. libjpeg-turbo knows the others
// too, but is slow at them. A scaled picture's last samples lie partly outside it.
type scale int

const whole scale = 8

// scaleFor returns the smallest scale that leaves enough samples in the shorter direction; 0 asks for all of them.
func scaleFor(width, height, enough int) scale {
	at := whole
	for scales && enough > 0 && at > 1 && min(width, height)*int(at/2) >= enough*int(whole) {
		at /= 2
	}
	return at
}

// samples is how many are made of n.
func (s scale) samples(n int) int { return (n*int(s) + int(whole) - 1) / int(whole) }

// newPicture is for the samples of a picture of the size that its header says.
func (s scale) newPicture(mode Mode, width, height int) *Picture {
	p := newPicture(mode, s.samples(width), s.samples(height))
	p.outside.right = float64(p.Width) - float64(width*int(s))/float64(whole)
	p.outside.bottom = float64(p.Height) - float64(height*int(s))/float64(whole)
	return p
}

// margins are what of a picture's outermost samples lies outside it, less than one in each direction.
type margins struct{ left, top, right, bottom float64 }

// oriented returns the margins of a picture turned as Oriented turns it.
func (m margins) oriented(orientation int) margins {
	switch orientation {
	case 2:
		return margins{m.right, m.top, m.left, m.bottom}
	case 3:
		return margins{m.right, m.bottom, m.left, m.top}
	case 4:
		return margins{m.left, m.bottom, m.right, m.top}
	case 5:
		return margins{m.top, m.left, m.bottom, m.right}
	case 6:
		return margins{m.bottom, m.left, m.top, m.right}
	case 7:
		return margins{m.bottom, m.right, m.top, m.left}
	case 8:
		return margins{m.top, m.right, m.bottom, m.left}
	}
	return m
}
