package limit

import "time"

// A meter counts successes in the seconds that just went by.
type meter struct {
	start  time.Time
	counts [16]int // by the second since the start, modulo its length
	latest int     // the second that was last counted in
}

func (m *meter) add(now time.Time) {
	if m.start.IsZero() {
		m.start = now
	}
	s := int(now.Sub(m.start) / time.Second)
	for m.latest = max(m.latest, s-len(m.counts)); m.latest < s; {
		m.latest++
		m.counts[m.latest%len(m.counts)] = 0
	}
	m.counts[m.latest%len(m.counts)]++
}

// rate returns successes a second, over this second and the last, and over as
// many more as it takes to have seen 20. Fewer than 8 tell nothing. Tuned in
// the simulations of share_test.go.
func (m *meter) rate(now time.Time) (float64, bool) {
	n, s := 0, int(now.Sub(m.start)/time.Second)
	from := s
	for ; from >= 0 && from > s-len(m.counts); from-- {
		if from <= m.latest {
			n += m.counts[from%len(m.counts)]
		}
		if n >= 20 && from < s {
			break
		}
	}
	span := now.Sub(m.start.Add(time.Duration(max(from, 0)) * time.Second)).Seconds()
	return float64(n) / max(1, span), n >= 8
}
