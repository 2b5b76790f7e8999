package report

import (
	"math"
	"slices"
)

// A box is where a label or a dot lies.
type box struct{ x0, y0, x1, y1 float64 }

func (b box) meets(o box) bool { return b.x0 < o.x1 && o.x0 < b.x1 && b.y0 < o.y1 && o.y0 < b.y1 }

// wider is the box with room around it.
func (b box) wider(by float64) box { return box{b.x0 - by, b.y0 - by, b.x1 + by, b.y1 + by} }

// crossed reports whether a line runs through the box.
func (b box) crossed(x0, y0, x1, y1 float64) bool {
	const steps = 32
	for i := range steps + 1 {
		t := float64(i) / steps
		x, y := x0+t*(x1-x0), y0+t*(y1-y0)
		if b.x0 < x && x < b.x1 && b.y0 < y && y < b.y1 {
			return true
		}
	}
	return false
}

// label places the names so that none covers another or a dot: beside the dot where there
// is room for it, and then, for those that found none, further off with a line to it, which
// runs over other dots and labels only where no other place is. In a crowd some go without; the
// dot's title and the tables have them all.
func (s *scatter) label() {
	var taken []box
	for _, p := range s.Points {
		taken = append(taken, box{p.X - dot, p.Y - dot, p.X + dot, p.Y + dot})
	}
	placed := make([]bool, len(s.Points))
	for _, round := range []struct{ from, to, crossing int }{{0, near, 0}, {near, spots, 0}, {near, spots, len(taken)}, {near, spots, math.MaxInt}} {
		for i := range s.Points {
			for try := round.from; try < round.to && !placed[i]; try++ {
				if b, ok := s.fit(i, try, taken, round.crossing); ok {
					placed[i], taken = true, append(taken, b)
				}
			}
		}
	}
	for i := range s.Points {
		if !placed[i] {
			s.Points[i].Label = ""
		}
	}
	for i := range s.Curves {
		if b, ok := s.Curves[i].fit(taken); ok {
			taken = append(taken, b)
		} else {
			s.Curves[i].Label = ""
		}
	}
}

// fit puts the label of a point on a spot, if nothing is there, and nothing but the first so
// many boxes on the way to it.
func (s *scatter) fit(i, try int, taken []box, crossing int) (box, bool) {
	p := &s.Points[i]
	width := widthOf(p.Label)
	dx, dy, anchor := spot(try)
	x, y, lead := p.X+dx, p.Y+dy, try >= near
	x0 := x
	switch anchor {
	case "end":
		x0 -= width
	case "middle":
		x0 -= width / 2
	}
	b := box{x0, y - glyphHeight/2, x0 + width, y + glyphHeight/2}
	if b.x0 < s.Left || b.x1 > s.Right+dot || b.y0 < s.Top || b.y1 > s.Bottom || slices.ContainsFunc(taken, b.wider(apart).meets) {
		return box{}, false
	}
	for j, o := range taken {
		if lead && j >= crossing && !o.meets(taken[i]) && o.crossed(p.X, p.Y, x, y) {
			return box{}, false
		}
	}
	p.LabelX, p.LabelY, p.Anchor = round(x), round(y+4), anchor
	p.Lead, p.EndX, p.EndY = lead, round(x), round(y)
	return b, true
}

// fit puts the label of a curve on it, as near to its end as nothing else is.
func (c *curve) fit(taken []box) (box, bool) {
	const width, height = 40, 13
	for i := len(c.way) - 1; i >= len(c.way)/3; i -= 3 {
		x, y := c.way[i][0]-3, c.way[i][1]-4
		b := box{x - width, y - height + 3, x, y + 3}
		if b.x0 > c.way[0][0] && !slices.ContainsFunc(taken, b.meets) {
			c.LabelX, c.LabelY = x, y
			return b, true
		}
	}
	return box{}, false
}

// widthOf estimates how wide a label is drawn; East Asian letters are square.
func widthOf(label string) float64 {
	width := 0.0
	for _, r := range label {
		if width += glyphWidth; r >= 0x1100 {
			width += glyphHeight - glyphWidth
		}
	}
	return width
}

const turns = 16

// The first spots tried are beside the dot; the others go round it ever further.
const near, spots = 8, 8 + turns*9

func spot(try int) (dx, dy float64, anchor string) {
	const below = dot + 10
	switch try {
	case 0:
		return dot + 5, 0, "start"
	case 1:
		return -dot - 5, 0, "end"
	case 2:
		return 0, -below, "middle"
	case 3:
		return 0, below, "middle"
	case 4:
		return dot, below, "end"
	case 5:
		return dot, -below, "end"
	case 6:
		return -dot, below, "start"
	case 7:
		return -dot, -below, "start"
	}
	turn, ring := (try-near)%turns, (try-near)/turns
	angle := (float64(turn) + 0.5) * 2 * math.Pi / turns
	distance := 24 + 12*float64(ring)
	dx, dy = distance*math.Cos(angle), distance*math.Sin(angle)
	if dx >= 0 {
		return dx, dy, "start"
	}
	return dx, dy, "end"
}
