package rewardmodel

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func columnNames(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strconv.Itoa(i)
	}
	return out
}

// TestRidgeIsExact compares with the closed form (Z'WZ + λI)⁻¹Z'W(y-ȳ) over
// the rows themselves.
func TestRidgeIsExact(t *testing.T) {
	for _, c := range []struct {
		n, p   int
		lambda float64
		offset float64
	}{{200, 9, 3, 0}, {1387, 52, 300, 0}, {40, 52, 100, 0}, {50, 1, 2, 5}, {500, 6, 0, 0}, {300, 4, 1, 100}} {
		rng := rand.New(rand.NewPCG(1, uint64(c.n)))
		m := newMoments(c.p)
		x, y, w := mat.NewDense(c.n, c.p, nil), make([]float64, c.n), make([]float64, c.n)
		for i := range c.n {
			row := make([]float64, c.p)
			for j := range row {
				row[j] = c.offset + rng.NormFloat64()
				if j%3 == 1 {
					row[j] = float64(rng.IntN(2))
				}
				if j > 0 {
					row[j] += 0.7 * row[j-1] // correlated, as overlaps are
				}
			}
			x.SetRow(i, row)
			y[i], w[i] = rng.Float64(), 0.2+2*rng.Float64()
			m.add(row, y[i], w[i])
		}
		got, err := m.fit(columnNames(c.p), c.lambda)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		sum, ybar := 0.0, 0.0
		for i := range y {
			sum += w[i]
			ybar += w[i] * y[i]
		}
		ybar /= sum
		z := mat.NewDense(c.n, c.p, nil)
		for j := range c.p {
			mean, sd := 0.0, 0.0
			for i := range c.n {
				mean += w[i] * x.At(i, j) / sum
			}
			for i := range c.n {
				sd += w[i] * math.Pow(x.At(i, j)-mean, 2) / sum
			}
			for i := range c.n {
				z.Set(i, j, (x.At(i, j)-mean)/math.Sqrt(sd))
			}
		}
		var wz, a mat.Dense
		wz.Apply(func(i, _ int, v float64) float64 { return w[i] * v }, z)
		a.Mul(z.T(), &wz)
		for j := range c.p {
			a.Set(j, j, a.At(j, j)+c.lambda)
		}
		var b, beta mat.VecDense
		centred := mat.NewVecDense(c.n, nil)
		for i := range y {
			centred.SetVec(i, y[i]-ybar)
		}
		b.MulVec(wz.T(), centred)
		if err := beta.SolveVec(&a, &b); err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Intercept-ybar) > 1e-9 {
			t.Errorf("%+v: intercept %v, want %v", c, got.Intercept, ybar)
		}
		for j := range c.p {
			if d := math.Abs(got.Columns[j].Weight - beta.AtVec(j)); d > 1e-9 {
				t.Errorf("%+v: column %d: weight %v, want %v", c, j, got.Columns[j].Weight, beta.AtVec(j))
			}
		}
	}
}

func TestRidgeConstantColumn(t *testing.T) {
	m := newMoments(3)
	for i := range 30 {
		m.add([]float64{0.1, float64(i % 2), 7}, float64(i%2), 1.3)
	}
	l, err := m.fit(columnNames(3), 0)
	if err != nil {
		t.Fatal(err)
	}
	if l.Columns[0].Weight != 0 || l.Columns[2].Weight != 0 || l.Columns[0].Scale != 1 {
		t.Errorf("constant columns must weigh nothing: %+v", l.Columns)
	}
	for _, y := range []float64{0, 1} {
		if got := l.predict([]float64{0.1, y, 7}); math.Abs(got-y) > 1e-9 {
			t.Errorf("predict %v, want %v", got, y)
		}
	}
	all := newMoments(1)
	all.add([]float64{1}, 0.25, 1)
	all.add([]float64{1}, 0.75, 3)
	if l, err = all.fit([]string{"0"}, 1); err != nil || l.predict([]float64{9}) != 0.625 {
		t.Errorf("with nothing but constant columns, predict the weighted mean: %+v %v", l, err)
	}
}

func TestRidgeRefuses(t *testing.T) {
	if _, err := newMoments(2).fit(columnNames(2), 1); err == nil {
		t.Error("no rows: want an error")
	}
	m := newMoments(2)
	for i := range 10 {
		m.add([]float64{float64(i), 2 * float64(i)}, float64(i), 1)
	}
	if _, err := m.fit(columnNames(2), 0); err == nil {
		t.Error("a column twice another without penalty: want an error, not NaN")
	}
	if _, err := m.fit(columnNames(2), 1); err != nil {
		t.Errorf("the penalty makes it solvable: %v", err)
	}
}
