package diff

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// most bounds how many rows wait for their counterparts, and how many pairs for their
// texts. Rows that come in nearly the same order in both runs never come near it.
const most = 1 << 20

// mostParts is enough for billions of rows in any order; beyond it more rows wait.
const mostParts = 1 << 12

// A matcher pairs the rows of two streams by their names. Both are read side by side: a
// row that is the same in the same place is passed over without a look at its name, and
// what is not there yet in the other stream waits for it, as two digests and its place.
// Where too many wait, the streams are read once for each part of all names.
type matcher struct {
	a, b  func() io.ReadCloser
	rows  int   // how many of each kind are kept to be shown
	limit int   // most, but in tests
	read  int64 // rows of both, in all passes
	// compared is called with both texts of every row that changed; nil: only those that
	// are shown are looked at.
	compared func(a, b []byte) error
	// again is called before the streams are read from the beginning, the first time, too.
	again func()

	same, added, removed, changed int64
	firstAdded, firstRemoved      []int64   // places, in their stream
	firstChanged                  []twoRows // in the order of B

	part, parts uint64
	waitA       waiters
	waitB       waiters
	later       []twoRows // changed, and compared when their texts are read
}

// A waiting row has not met its counterpart.
type waiting struct {
	content sum
	at      int64
}

// waiters are rows that wait, by the digests of their names. Several may have one name.
type waiters struct {
	first map[sum]waiting
	more  map[sum][]waiting // those after the first, in order
	n     int
}

func newWaiters() waiters { return waiters{first: map[sum]waiting{}, more: map[sum][]waiting{}} }

func (w *waiters) add(r *row) {
	key, one := r.key(), waiting{sumOf(r.text), r.at}
	w.n++
	if _, taken := w.first[key]; taken {
		w.more[key] = append(w.more[key], one)
		return
	}
	w.first[key] = one
}

// take returns the row of that name that has waited longest.
func (w *waiters) take(key sum) (waiting, bool) {
	one, ok := w.first[key]
	if !ok {
		return one, false
	}
	w.n--
	if rest := w.more[key]; len(rest) > 0 {
		w.first[key] = rest[0]
		if w.more[key] = rest[1:]; len(rest) == 1 {
			delete(w.more, key)
		}
	} else {
		delete(w.first, key)
	}
	return one, true
}

func (w *waiters) each(fn func(waiting)) {
	for _, one := range w.first {
		fn(one)
	}
	for _, rest := range w.more {
		for _, one := range rest {
			fn(one)
		}
	}
}

// twoRows are places of a row in both streams.
type twoRows struct{ a, b int64 }

var errMany = errors.New("too many rows wait")

// match compares all rows.
func (m *matcher) match() error {
	if m.limit == 0 {
		m.limit = most
	}
	for m.parts = 1; ; {
		m.same, m.added, m.removed, m.changed = 0, 0, 0, 0
		m.firstAdded, m.firstRemoved, m.firstChanged = nil, nil, nil
		if m.again != nil {
			m.again()
		}
		var err error
		for m.part = 0; m.part < m.parts && err == nil; m.part++ {
			err = m.pass()
		}
		if !errors.Is(err, errMany) {
			return err
		}
		m.parts *= 8
	}
}

// pass compares the rows of one part of all names.
func (m *matcher) pass() error {
	m.waitA, m.waitB, m.later = newWaiters(), newWaiters(), nil
	a, b := newRows(m.a()), newRows(m.b())
	defer a.close()
	defer b.close()
	ra, err := m.next(a)
	if err != nil {
		return err
	}
	rb, err := m.next(b)
	for err == nil && (ra != nil || rb != nil) {
		var nextA, nextB bool
		if nextA, nextB, err = m.meet(ra, rb); err != nil {
			return err
		}
		if nextA {
			ra, err = m.next(a)
		}
		if nextB && err == nil {
			rb, err = m.next(b)
		}
	}
	if err != nil {
		return err
	}
	m.waitA.each(func(w waiting) { m.removed++; m.firstRemoved = least(m.firstRemoved, w.at, m.rows) })
	m.waitB.each(func(w waiting) { m.added++; m.firstAdded = least(m.firstAdded, w.at, m.rows) })
	return m.compareLater()
}

// next is the next row of the part.
func (m *matcher) next(s *rows) (*row, error) {
	for {
		r, err := s.next()
		if err != nil || r == nil {
			return nil, err
		}
		m.read++
		if m.parts == 1 {
			return r, nil
		}
		if key := r.key(); binary.BigEndian.Uint64(key[:])%m.parts == m.part {
			return r, nil
		}
	}
}

// meet deals with the two rows that are next, nil at the end of a stream, and says which
// of them are done with.
func (m *matcher) meet(a, b *row) (nextA, nextB bool, err error) {
	if a != nil && b != nil && bytes.Equal(a.text, b.text) {
		m.same++
		return true, true, nil
	}
	if a != nil {
		if w, ok := m.waitB.take(a.key()); ok {
			return true, false, m.met(w, a, twoRows{a.at, w.at})
		}
	}
	if b != nil {
		if w, ok := m.waitA.take(b.key()); ok {
			return false, true, m.met(w, b, twoRows{w.at, b.at})
		}
	}
	if a != nil && b != nil && a.key() == b.key() {
		return true, true, m.other(twoRows{a.at, b.at}, a.text, b.text)
	}
	if a != nil {
		m.waitA.add(a)
	}
	if b != nil {
		m.waitB.add(b)
	}
	if m.waitA.n+m.waitB.n > m.limit && m.parts < mostParts {
		return false, false, errMany
	}
	return true, true, nil
}

// met deals with a row whose counterpart has waited for it.
func (m *matcher) met(w waiting, r *row, at twoRows) error {
	if w.content == sumOf(r.text) {
		m.same++
		return nil
	}
	return m.other(at, nil, nil)
}

// other takes a row that changed. Where its texts are not at hand they are read later.
func (m *matcher) other(at twoRows, a, b []byte) error {
	m.changed++
	m.firstChanged = leastBy(m.firstChanged, at, m.rows, func(x, y twoRows) int { return int(min(1, max(-1, x.b-y.b))) })
	if m.compared == nil {
		return nil
	}
	if a != nil {
		return m.compared(a, b)
	}
	if m.later = append(m.later, at); len(m.later) >= m.limit {
		return m.compareLater()
	}
	return nil
}

// atOnce is how many bytes of rows are held to be compared with their counterparts.
const atOnce = 64 << 20

// compareLater reads the texts of rows that met out of order, some of one stream's at once.
func (m *matcher) compareLater() error {
	list := m.later
	m.later = nil
	slices.SortFunc(list, func(x, y twoRows) int { return int(min(1, max(-1, x.a-y.a))) })
	for len(list) > 0 {
		var places []int64
		for _, at := range list {
			places = append(places, at.a)
		}
		texts, read, err := textsAt(m.a(), places, atOnce)
		if err != nil {
			return err
		}
		counterparts := map[int64][]byte{}
		for _, at := range list[:read] {
			counterparts[at.b] = texts[at.a]
		}
		err = eachAt(m.b(), counterparts, func(_ int64, b, a []byte) error { return m.compared(a, b) })
		if err != nil {
			return err
		}
		list = list[read:]
	}
	return nil
}

// textsAt reads the rows at places, which ascend, until they are more than atOnce bytes; it
// returns how many places it came to.
func textsAt(r io.ReadCloser, places []int64, atOnce int) (texts map[int64][]byte, read int, err error) {
	texts = map[int64][]byte{}
	s := newRows(r)
	defer s.close()
	for bytes := 0; read < len(places) && bytes < atOnce; {
		row, err := s.next()
		if err != nil || row == nil {
			return texts, read, errors.Join(err, io.ErrUnexpectedEOF)
		}
		if row.at == places[read] {
			texts[row.at] = slices.Clone(row.text)
			bytes += len(row.text)
			read++
		}
	}
	return texts, read, nil
}

// eachAt calls fn with the rows at places, and with what the place has.
func eachAt(r io.ReadCloser, places map[int64][]byte, fn func(at int64, text, of []byte) error) error {
	s := newRows(r)
	defer s.close()
	for left := len(places); left > 0; {
		row, err := s.next()
		if err != nil || row == nil {
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
		of, wanted := places[row.at]
		if !wanted {
			continue
		}
		left--
		if err := fn(row.at, row.text, of); err != nil {
			return err
		}
	}
	return nil
}

// least keeps the n smallest, in order.
func least(list []int64, v int64, n int) []int64 {
	return leastBy(list, v, n, func(a, b int64) int { return int(min(1, max(-1, a-b))) })
}

func leastBy[T any](list []T, v T, n int, cmp func(a, b T) int) []T {
	i, _ := slices.BinarySearchFunc(list, v, cmp)
	if i >= n {
		return list
	}
	list = slices.Insert(list, i, v)
	return list[:min(len(list), n)]
}
