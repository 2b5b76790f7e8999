package similar

// An Effort is what the searches of an index came to.
type Effort struct {
	// Looks are entries that were looked at, and elements of two texts that were
	// compared.
	Looks int64
	// Unfinished searches were given up: what they found is similar, and something
	// more similar, or anything at all, may have been missed.
	Unfinished int
}

// A bound is what the searches of an index may come to.
type bound struct {
	credit int64 // looks that are left
	each   int64 // looks that a search adds
	effort Effort
}

// The looks that all searches have together, and that each adds: some seconds, and
// some microseconds.
const (
	creditAtFirst  = 1 << 31
	creditOfSearch = 1 << 14
)

func newBound() bound { return bound{credit: creditAtFirst, each: creditOfSearch} }

// Effort is that of all searches so far.
func (b *bound) Effort() Effort { return b.effort }

func (b *bound) begin() { b.credit += b.each }

// left tells whether a search may go on; where not it is given up.
func (b *bound) left() bool {
	if b.credit <= 0 {
		b.effort.Unfinished++
		return false
	}
	return true
}

func (b *bound) look(n int) {
	b.credit -= int64(n)
	b.effort.Looks += int64(n)
}
