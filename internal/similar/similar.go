// Package similar finds near-duplicate texts exactly: a pair is found if and
// only if its similarity reaches the threshold, as long as the search has not
// given up; see Effort.
//
// A text is the set of its words in threes, and the similarity of two is their
// Jaccard similarity, |A∩B| / |A∪B|. A text may have two parts, such as an event
// and the tasks proposed after it; then the smaller similarity of the two counts,
// so that a long part cannot hide that the short ones differ.
//
// The search is by prefix filtering (Bayardo, Ma, Srikant: Scaling Up All Pairs
// Similarity Search, WWW 2007): sets that share a t-th of their union share an
// element among the |A|-⌈t·|A|⌉+1 first of each, in any order. In the order from
// rare to common those are seldom shared by anything else. Unlike MinHash it
// misses nothing; it slows down as t comes down to 0.5.
//
// Texts that share their first elements and are not similar, such as many made of
// few words, would each be compared with all others. So the work of all searches
// together is bounded: by a sum that is never reached by ordinary texts, and so
// much for each search. What is beyond is given up, and counted. How far a search
// comes depends on the texts and their order alone.
package similar

import (
	"math"
	"math/bits"
	"slices"
)

// A shingle is an element of a set: from the top, how common it is (6 bits), its
// hash (57) and its part (1). So numbers order them from rare to common, and two
// texts are practically never mistaken for one another: 57 bits tell them apart.
type shingle = uint64

const (
	hashBits  = 58 // of a shingle, with its part
	countBits = 22 // of the table of counts: 16 MiB at most
)

// A Corpus is the sets of many texts, numbered from 0. It holds 8 bytes for each
// distinct three words of a text, and 8 for the text itself.
type Corpus struct {
	runs     bool
	shingles []shingle
	ends     []int // of each text in shingles
	counts   []uint32
}

// Runs is a corpus in which a run of characters of scripts without spaces is one word,
// not each character. So what is quoted of another script, or translated, weighs no more
// than a word.
func Runs() *Corpus { return &Corpus{runs: true} }

// Same says that two corpora hold the same sets.
func (c *Corpus) Same(d *Corpus) bool {
	return slices.Equal(c.shingles, d.shingles) && slices.Equal(c.ends, d.ends)
}

// Len is the number of texts.
func (c *Corpus) Len() int { return len(c.ends) }

// Add adds a text whose parts are made of sentences: no three words cross from
// one sentence to the next. The second part may be empty.
func (c *Corpus) Add(first, second []string) {
	start := len(c.shingles)
	c.shingles = c.appendShingles(c.shingles, 0, first)
	c.shingles = c.appendShingles(c.shingles, 1, second)
	set := distinct(c.shingles[start:])
	c.shingles = c.shingles[:start+len(set)]
	c.ends = append(c.ends, len(c.shingles))
}

func (c *Corpus) set(i int) []shingle {
	if i == 0 {
		return c.shingles[:c.ends[0]]
	}
	return c.shingles[c.ends[i-1]:c.ends[i]]
}

// Similarity is that of two texts of the corpus, whatever it is.
func (c *Corpus) Similarity(i, j int) float64 { return similarity(c.set(i), c.set(j)) }

// rank puts the shingles of every text in order from rare to common. What is
// common is counted in a table that several shingles may share a place of: a
// wrong count costs time, and never a pair.
func (c *Corpus) rank() {
	size := bits.Len(uint(len(c.shingles)))
	c.counts = make([]uint32, 1<<min(size, countBits))
	for _, s := range c.shingles {
		c.counts[c.place(s)]++
	}
	for i := range c.ends {
		c.order(c.set(i))
	}
}

func (c *Corpus) place(s shingle) int { return int(s>>1) & (len(c.counts) - 1) }

func (c *Corpus) order(set []shingle) {
	for i, s := range set {
		set[i] = s | shingle(bits.Len32(c.counts[c.place(s)]))<<hashBits
	}
	slices.Sort(set)
}

// An Index finds texts of a corpus. Of the elements among the first of a text it
// holds those alone that another text has there, too: 16 bytes for each text that
// does, and about 40 for the element.
type Index struct {
	corpus    *Corpus
	threshold float64
	lists     map[shingle]int // where in starts
	starts    []int           // of each list in entries, and the end of the last
	filled    []int32         // entries of each list
	entries   []entry
	seen      []int32 // by text: the last query, from 1, that met it
	query     int32
	bound
}

// An entry is a text that has an element among its first. Its sketch has a bit
// set for each shingle, so most that differ are told apart at a glance.
type entry struct {
	sketch uint64
	text   int32
	size   int32
}

// Within returns an empty index that is asked for texts of the corpus itself.
// The corpus must not grow any more; threshold is in (0,1].
//
// There is room for the elements that are among the first of two texts or more: no
// other text shares one that only a single text has.
func Within(c *Corpus, threshold float64) *Index {
	if c.counts == nil {
		c.rank()
	}
	x := &Index{corpus: c, threshold: threshold, lists: map[shingle]int{}, starts: []int{0}, seen: make([]int32, c.Len()), bound: newBound()}
	var all []shingle
	for i := range c.Len() {
		all = append(all, x.first(c.set(i))...)
	}
	slices.Sort(all)
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n] == all[0] {
			n++
		}
		if n >= 2 {
			x.lists[all[0]] = len(x.filled)
			x.filled = append(x.filled, 0)
			x.starts = append(x.starts, x.starts[len(x.starts)-1]+n)
		}
		all = all[n:]
	}
	x.entries = make([]entry, x.starts[len(x.starts)-1])
	return x
}

// A Match is a text of the corpus and its similarity.
type Match struct {
	Text       int
	Similarity float64
}

// Add makes text i, once and in the order of their numbers, one that is found.
func (x *Index) Add(i int) {
	set := x.corpus.set(i)
	e := entry{sketchOf(set), int32(i), int32(len(set))}
	for _, s := range x.first(set) {
		if l, ok := x.lists[s]; ok {
			x.entries[x.starts[l]+int(x.filled[l])] = e
			x.filled[l]++
		}
	}
}

// Nearest returns the text of the index that is most similar to text i of the
// corpus, the first of several; false when none reaches the threshold.
func (x *Index) Nearest(i int) (best Match, found bool) {
	set := x.corpus.set(i)
	x.query++
	x.begin()
	sketch, size := sketchOf(set), float64(len(set))
	for _, s := range x.first(set) {
		l, ok := x.lists[s]
		if !ok {
			continue
		}
		start := x.starts[l]
		for _, e := range x.entries[start : start+int(x.filled[l])] {
			if !x.left() {
				return best, found
			}
			x.look(1)
			// |A∪B|-|A∩B| is at most this where the similarity reaches the threshold.
			differ := (1-x.threshold)/(1+x.threshold)*(size+float64(e.size)) + slack
			if float64(bits.OnesCount64(sketch^e.sketch)) > differ || math.Abs(size-float64(e.size)) > differ || x.seen[e.text] == x.query {
				continue
			}
			x.seen[e.text] = x.query
			other := x.corpus.set(int(e.text))
			x.look(len(set) + len(other))
			m := Match{int(e.text), similarity(set, other)}
			if m.Similarity < x.threshold-slack {
				continue
			}
			if !found || m.Similarity > best.Similarity || m.Similarity == best.Similarity && m.Text < best.Text {
				best, found = m, true
			}
			if m.Similarity == 1 { // the first that is the same stands first in every list
				return best, found
			}
		}
	}
	return best, found
}

func sketchOf(set []shingle) uint64 {
	var b uint64
	for _, s := range set {
		b |= 1 << (s >> 40 & 63)
	}
	return b
}

// slack makes up for thresholds that are no exact fraction of two.
const slack = 1e-9

// first are the elements of a set of which any similar set has one among its own.
func (x *Index) first(set []shingle) []shingle { return firstOf(set, x.threshold) }

func firstOf(set []shingle, threshold float64) []shingle {
	if len(set) == 0 {
		return nil
	}
	return set[:len(set)-int(math.Ceil(threshold*float64(len(set))-slack))+1]
}

// similarity is the smaller Jaccard similarity of the two parts. Where both sets
// have no such part, it is 1.
func similarity(a, b []shingle) float64 {
	var both, all [2]int
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		part := a[i] & 1
		switch {
		case a[i] == b[j]:
			both[part]++
			i++
			j++
		case a[i] < b[j]:
			i++
		default:
			part = b[j] & 1
			j++
		}
		all[part]++
	}
	for ; i < len(a); i++ {
		all[a[i]&1]++
	}
	for ; j < len(b); j++ {
		all[b[j]&1]++
	}
	least := 1.0
	for part, n := range all {
		if n > 0 {
			least = min(least, float64(both[part])/float64(n))
		}
	}
	return least
}

func distinct(set []shingle) []shingle {
	slices.Sort(set)
	return slices.Compact(set)
}
