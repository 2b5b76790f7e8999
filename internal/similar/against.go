package similar

import "slices"

// A Lookup finds, in a corpus that does not grow, texts that are like others of one part.
// It counts how many of the first elements of the one that is asked for each text has, and
// compares those alone that can still be like it: texts out of one mould cost little, even
// at a low threshold. It holds 4 bytes for each element of each text, and about 40 for the
// element; equal texts count once.
type Lookup struct {
	corpus    *Corpus
	threshold float64
	lists     map[shingle][]int32 // groups that have the element
	groups    [][]int             // texts whose sets are equal, in the order of the first
	shared    []int32             // by group: how many of the first elements it has
	met       []int32             // groups that have any
	scratch   []shingle
	bound
}

// Against returns a lookup of all texts of a corpus, each of one part. The corpus must not
// grow any more; threshold is in (0,1].
func Against(c *Corpus, threshold float64) *Lookup {
	if c.counts == nil {
		c.rank()
	}
	x := &Lookup{corpus: c, threshold: threshold, lists: map[shingle][]int32{}, bound: newBound()}
	for i := range c.Len() {
		set := c.set(i)
		if g := x.equal(set); g >= 0 {
			x.groups[g] = append(x.groups[g], i)
			continue
		}
		for _, s := range set {
			x.lists[s] = append(x.lists[s], int32(len(x.groups)))
		}
		x.groups = append(x.groups, []int{i})
	}
	x.shared = make([]int32, len(x.groups))
	return x
}

// equal is the group of texts with that set, -1 for none.
func (x *Lookup) equal(set []shingle) int {
	if len(set) == 0 {
		return -1
	}
	for _, g := range x.lists[set[0]] { // its rarest element
		if slices.Equal(x.corpus.set(x.groups[g][0]), set) {
			return int(g)
		}
	}
	return -1
}

// Nearest returns the text that is most similar to one of these sentences, the first of
// several; false when none reaches the threshold.
func (x *Lookup) Nearest(sentences ...string) (best Match, found bool) {
	x.search(sentences, func(g int32, similarity float64) {
		if text := x.groups[g][0]; !found || similarity > best.Similarity || similarity == best.Similarity && text < best.Text {
			best, found = Match{text, similarity}, true
		}
	})
	return best, found
}

// All calls fn with every text that reaches the threshold, in no order.
func (x *Lookup) All(fn func(Match), sentences ...string) {
	x.search(sentences, func(g int32, similarity float64) {
		for _, text := range x.groups[g] {
			fn(Match{text, similarity})
		}
	})
}

func (x *Lookup) search(sentences []string, found func(group int32, similarity float64)) {
	x.scratch = distinct(x.corpus.appendShingles(x.scratch[:0], 0, sentences))
	set := x.scratch
	x.corpus.order(set)
	x.begin()
	first := firstOf(set, x.threshold)
	for _, s := range first {
		list := x.lists[s]
		x.look(len(list))
		for _, g := range list {
			if x.shared[g] == 0 {
				x.met = append(x.met, g)
			}
			x.shared[g]++
		}
	}
	going := true
	for _, g := range x.met {
		most := int(x.shared[g]) + len(set) - len(first) // elements that both can have
		x.shared[g] = 0
		other := x.corpus.set(x.groups[g][0])
		if !going || float64(most) < x.threshold*float64(len(set)+len(other)-most)-slack {
			continue
		}
		if going = x.left(); !going {
			continue
		}
		x.look(len(set) + len(other))
		if s := similarity(set, other); s >= x.threshold-slack {
			found(g, s)
		}
	}
	x.met = x.met[:0]
}
