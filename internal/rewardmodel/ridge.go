package rewardmodel

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/sajari/regression"
	"gonum.org/v1/gonum/mat"

	"github.com/gymline/gymline/internal/metrics"
)

// A Column is one standardised feature of a linear model.
type Column struct {
	Name   string  `json:"name"`
	Mean   float64 `json:"mean"`
	Scale  float64 `json:"scale"`  // standard deviation; 1 where the column was constant
	Weight float64 `json:"weight"` // 0 where the column was constant
	// Min and Max bound what the column held in training. Values beyond count as
	// the bound: nothing says that a trend goes on there.
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// A Linear is a fitted ridge regression: Intercept + Σ Weight·(x'-Mean)/Scale,
// where x' is x within the column's bounds.
type Linear struct {
	Intercept float64  `json:"intercept"`
	Columns   []Column `json:"columns"`
}

// predict returns the prediction for x, which may lie outside [0,1].
func (l *Linear) predict(x []float64) float64 {
	sum := l.Intercept
	for i := range l.Columns {
		sum += l.Columns[i].part(x[i])
	}
	return sum
}

// part is what a column adds to the prediction.
func (c *Column) part(x float64) float64 {
	return c.Weight * (min(max(x, c.Min), c.Max) - c.Mean) / c.Scale
}

// Decimals that are kept of scores and of a model's numbers; see metrics.Round.
const (
	scoreDecimals = 6
	modelDecimals = 9
)

// clip turns a prediction into a score.
func clip(x float64) float64 { return metrics.Round(min(1, max(0, x)), scoreDecimals) }

// moments are the sufficient statistics of a weighted regression: memory does
// not grow with the rows.
type moments struct {
	n      int
	weight float64
	origin []float64   // the first row; x below is less it, so that sums cancel little
	x      []float64   // Σ w·x
	xx     [][]float64 // Σ w·x·x', lower triangle
	xy     []float64   // Σ w·x·y
	y      float64     // Σ w·y
	min    []float64   // of each column
	max    []float64
	less   []float64 // scratch: a row less the origin
}

func newMoments(columns int) *moments {
	m := &moments{origin: make([]float64, columns), x: make([]float64, columns), xy: make([]float64, columns), xx: make([][]float64, columns), less: make([]float64, columns)}
	for i := range m.xx {
		m.xx[i] = make([]float64, i+1)
	}
	return m
}

// add takes in one row with target y and weight w.
func (m *moments) add(x []float64, y, w float64) {
	if m.n == 0 {
		copy(m.origin, x)
		m.min, m.max = slices.Clone(x), slices.Clone(x)
	}
	m.n++
	m.weight += w
	m.y += w * y
	d := m.less
	for i := range x {
		m.min[i], m.max[i] = min(m.min[i], x[i]), max(m.max[i], x[i])
		d[i] = x[i] - m.origin[i]
		wa := w * d[i]
		if wa == 0 { // as most flags are: nothing to add
			continue
		}
		m.x[i] += wa
		m.xy[i] += wa * y
		row := m.xx[i]
		for j, dj := range d[:len(row)] {
			row[j] += wa * dj
		}
	}
}

// constant is the standard deviation below which a column counts as constant:
// features are of order 1, so there is nothing to learn from it.
const constant = 1e-6

// fit solves the ridge regression min Σ w·(y - b - z'β)² + λ·|β|² over the
// standardised columns z; b is not penalised. names label the columns.
//
// The Cholesky factor below solves this by itself; that the answer comes out of
// sajari/regression is what the project's customer asked for. It takes rows,
// weighs them alike, penalises nothing and always fits an intercept, so solve
// hands it rows that ask the same question: with Z'WZ + λI = R'R and
// c = Z'W(y-ȳ), the rows of R with targets R⁻ᵀc have the normal equations
// R'R·β = c. Each enters once as it is and once negated, so the intercept is 0.
func (m *moments) fit(names []string, lambda float64) (*Linear, error) {
	l := &Linear{Columns: make([]Column, len(names))}
	if m.n == 0 {
		return nil, errors.New("no rows to fit")
	}
	l.Intercept = metrics.Round(m.y/m.weight, modelDecimals)
	var active []int
	means := make([]float64, len(names)) // less the origin
	for i, name := range names {
		mean := m.x[i] / m.weight
		sd := math.Sqrt(max(0, m.xx[i][i]/m.weight-mean*mean))
		means[i] = mean
		l.Columns[i] = Column{Name: name, Mean: m.origin[i] + mean, Scale: sd, Min: m.min[i], Max: m.max[i]}
		if sd < constant { // NaN weights would follow, and no error
			l.Columns[i].Scale = 1
			continue
		}
		active = append(active, i)
	}
	p := len(active)
	if p == 0 {
		l.round()
		return l, nil
	}
	a, c := mat.NewSymDense(p, nil), mat.NewVecDense(p, nil)
	for i, ai := range active {
		ci := l.Columns[ai]
		c.SetVec(i, (m.xy[ai]-means[ai]*m.y)/ci.Scale)
		for j, aj := range active[:i+1] {
			cj := l.Columns[aj]
			a.SetSym(i, j, (m.xx[ai][aj]-m.weight*means[ai]*means[aj])/(ci.Scale*cj.Scale))
		}
		a.SetSym(i, i, a.At(i, i)+lambda)
	}
	beta, err := solve(a, c)
	if err != nil {
		return nil, err
	}
	for i, ai := range active {
		l.Columns[ai].Weight = beta[i]
	}
	l.round()
	return l, nil
}

func (l *Linear) round() {
	for i := range l.Columns {
		c := &l.Columns[i]
		for _, v := range []*float64{&c.Mean, &c.Scale, &c.Weight, &c.Min, &c.Max} {
			*v = metrics.Round(*v, modelDecimals)
		}
	}
}

// solve returns β with a·β = c for a positive definite a.
func solve(a *mat.SymDense, c *mat.VecDense) ([]float64, error) {
	p := c.Len()
	var chol mat.Cholesky
	if !chol.Factorize(a) {
		return nil, errors.New("the features are linearly dependent: raise lambda above 0")
	}
	var r mat.TriDense
	chol.UTo(&r)
	var target mat.VecDense
	if err := target.SolveVec(r.T(), c); err != nil {
		return nil, fmt.Errorf("the features are nearly dependent: raise lambda: %w", err)
	}
	reg := new(regression.Regression)
	for i := range p {
		row, negated := make([]float64, p), make([]float64, p)
		for j := range p {
			row[j], negated[j] = r.At(i, j), -r.At(i, j)
		}
		reg.Train(regression.DataPoint(target.AtVec(i), row), regression.DataPoint(-target.AtVec(i), negated))
	}
	reg.Train(regression.DataPoint(0, make([]float64, p))) // regression wants three rows even for one column
	if err := reg.Run(); err != nil {
		return nil, fmt.Errorf("regression: %w", err)
	}
	beta := reg.GetCoeffs()[1:]
	for _, b := range beta {
		if math.IsNaN(b) || math.IsInf(b, 0) {
			return nil, errors.New("regression: a coefficient is not a number; raise lambda")
		}
	}
	return beta, nil
}
