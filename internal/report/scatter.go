package report

import (
	"fmt"
	"math"
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
	way            [][2]float64 // where it goes
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
	glyphWidth, glyphHeight     = 8.4, 16 // on a phone, where they are largest
	dot                         = 6
	apart                       = 2 // between labels
)

func scatterOf(e *metrics.Evaluation) *scatter {
	s := &scatter{Width: scatterWidth, Height: scatterHeight, Left: 52, Right: scatterWidth - 12, Top: 10, Bottom: scatterHeight - 42}
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
	var way [][2]float64
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
		if way == nil {
			command = "M"
		}
		way = append(way, [2]float64{round(x.at(r)), round(y.at(p))})
		fmt.Fprintf(&b, "%s%.1f %.1f", command, way[len(way)-1][0], way[len(way)-1][1])
	}
	return curve{Path: b.String(), Label: "F1 " + whole(f1), way: way}, len(way) > steps/8
}

func round(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return math.Round(v*10) / 10
}
