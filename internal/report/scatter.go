package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/text"
)

// A scatter shows precision over recall, with curves of equal F1.
type scatter struct {
	Width, Height            float64
	Left, Right, Top, Bottom float64 // of the plotted area
	Recall, Precision        []mark  // ticks
	Curves                   []curve
	Points                   []point
	Description              string
}

type mark struct {
	At    float64
	Label string
}

type curve struct {
	Path, Label    string
	LabelX, LabelY float64
}

type point struct {
	X, Y           float64
	Label, Title   string
	LabelX, LabelY float64
	Anchor         string
	Lead           bool // a line leads from the point to its label
	EndX, EndY     float64
}

// Sizes in the drawing's own units; a glyph is a letter of its labels.
const (
	scatterWidth, scatterHeight = 480, 360
	glyphWidth, glyphHeight     = 7.6, 14
	dot                         = 6
)

func scatterOf(e *metrics.Evaluation) *scatter {
	s := &scatter{Width: scatterWidth, Height: scatterHeight, Left: 44, Right: scatterWidth - 12, Top: 10, Bottom: scatterHeight - 42}
	list := ranked(e)
	if len(list) == 0 {
		return s
	}
	var recalls, precisions []float64
	for _, c := range list {
		recalls, precisions = append(recalls, c.Recall), append(precisions, c.Precision)
	}
	x, y := square(recalls, s.Left, s.Right), square(precisions, s.Bottom, s.Top)
	s.Recall, s.Precision = marks(x), marks(y)
	for f1 := 1; f1 <= 9; f1++ {
		if c, ok := contour(float64(f1)/10, x, y); ok {
			s.Curves = append(s.Curves, c)
		}
	}
	said := make([]string, len(list))
	for i, c := range list {
		said[i] = fmt.Sprintf("%s: recall %s, precision %s", c.Name, pct(c.Recall), pct(c.Precision))
		s.Points = append(s.Points, point{
			X: round(x.at(c.Recall)), Y: round(y.at(c.Precision)), Label: text.Clip(c.Name, 24),
			Title: said[i] + ", F1 " + pct(c.F1),
		})
	}
	s.Description = strings.Join(said, "; ")
	s.label()
	return s
}

// square spans the values in steps of ten points, at least five of them.
func square(values []float64, from, to float64) scale {
	s, _ := scaleOf(values, 0, 1)
	lo, hi := math.Floor(s.lo*10+1e-9), math.Ceil(s.hi*10-1e-9)
	for hi-lo < 5 {
		if hi < 10 {
			hi++
		}
		if hi-lo < 5 && lo > 0 {
			lo--
		}
	}
	return scale{lo / 10, hi / 10, from, to}
}

func marks(s scale) (list []mark) {
	for v := math.Round(10 * s.lo); v <= math.Round(10*s.hi); v++ {
		list = append(list, mark{round(s.at(v / 10)), whole(v / 10)})
	}
	return list
}

// contour is where 2pr/(p+r) = f1, within the plotted area: p = f1·r/(2r−f1).
func contour(f1 float64, x, y scale) (curve, bool) {
	var b strings.Builder
	const steps = 120
	n := 0
	var lastX, lastY float64
	for i := range steps + 1 {
		r := x.lo + (x.hi-x.lo)*float64(i)/steps
		if 2*r <= f1 {
			continue
		}
		p := f1 * r / (2*r - f1)
		if p < y.lo || p > y.hi {
			continue
		}
		command := "L"
		if n == 0 {
			command = "M"
		}
		lastX, lastY = round(x.at(r)), round(y.at(p))
		fmt.Fprintf(&b, "%s%.1f %.1f", command, lastX, lastY)
		n++
	}
	return curve{Path: b.String(), Label: "F1 " + whole(f1), LabelX: lastX - 3, LabelY: lastY - 4}, n > steps/8
}

// A box is where a label or a dot lies.
type box struct{ x0, y0, x1, y1 float64 }

func (b box) meets(o box) bool { return b.x0 < o.x1 && o.x0 < b.x1 && b.y0 < o.y1 && o.y0 < b.y1 }

// label places the names so that none covers another or a dot: beside the dot
// where there is room, else further off with a line to it. In a crowd some go
// without; the dot's title and the tables have them all.
func (s *scatter) label() {
	var taken []box
	for _, p := range s.Points {
		taken = append(taken, box{p.X - dot, p.Y - dot, p.X + dot, p.Y + dot})
	}
	for i := range s.Curves {
		c := &s.Curves[i]
		b := box{c.LabelX - 36, c.LabelY - 10, c.LabelX, c.LabelY + 3}
		if slices.ContainsFunc(taken, b.meets) {
			c.Label = ""
		} else {
			taken = append(taken, b)
		}
	}
	for i := range s.Points {
		p := &s.Points[i]
		width := widthOf(p.Label)
		placed := false
		for try := 0; try < spots && !placed; try++ {
			dx, dy, anchor := spot(try)
			x0 := p.X + dx
			switch anchor {
			case "end":
				x0 -= width
			case "middle":
				x0 -= width / 2
			}
			b := box{x0, p.Y + dy - glyphHeight/2, x0 + width, p.Y + dy + glyphHeight/2}
			if b.x0 < s.Left || b.x1 > s.Right || b.y0 < s.Top || b.y1 > s.Bottom || slices.ContainsFunc(taken, b.meets) {
				continue
			}
			placed, taken = true, append(taken, b)
			p.LabelX, p.LabelY, p.Anchor = round(p.X+dx), round(p.Y+dy+4), anchor
			p.Lead, p.EndX, p.EndY = try >= near, round(p.X+dx), round(p.Y+dy)
		}
		if !placed {
			p.Label = ""
		}
	}
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

// The first spots tried are beside the dot; the others go round it ever further.
const near, spots = 4, 4 + 8*6

func spot(try int) (dx, dy float64, anchor string) {
	switch try {
	case 0:
		return dot + 5, 0, "start"
	case 1:
		return -dot - 5, 0, "end"
	case 2:
		return 0, -dot - 9, "middle"
	case 3:
		return 0, dot + 9, "middle"
	}
	turn, ring := (try-near)%8, (try-near)/8
	angle := math.Pi/8 + float64(turn)*math.Pi/4
	distance := 24 + 14*float64(ring)
	dx, dy = distance*math.Cos(angle), distance*math.Sin(angle)
	if dx >= 0 {
		return dx, dy, "start"
	}
	return dx, dy, "end"
}

func round(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return math.Round(v*10) / 10
}
