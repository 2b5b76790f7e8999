package rewardmodel

import "math"

// A Vocabulary knows how rare words are: in how many of the texts (events and
// tasks, each counted once a group) a word occurs.
type Vocabulary struct {
	Texts int `json:"texts"`
	// Words lacks those of one text: they are as rare as unseen ones.
	Words map[string]int `json:"words"`
}

// idf is the weight of a word.
func (v *Vocabulary) idf(word string) float64 { return idf(v.Words[word], v.Texts) }

// idf is ln((1+N)/(1+max(df,1))) of a word that df of N texts have.
func idf(df, texts int) float64 {
	return math.Log(float64(1+texts) / float64(1+max(df, 1)))
}

// rare is the weight of a word that about 1 text in 50 has.
var rare = math.Log(50)

// A tally counts texts, and by a word's number those that have the word.
type tally struct {
	texts int
	words []int32
}

// tally counts the training texts of some groups, each distinct text once a group.
func (d *Dataset) tally(in func(g int) bool) *tally {
	c := &tally{words: make([]int32, len(d.lexicon.words))}
	counted := make([]int32, len(d.texts)) // the group, from 1, that a text was last counted for
	met := make([]int32, len(c.words))     // the text, from 1, that a word was last counted for
	count := func(g int, text int32) {
		if counted[text] == int32(g+1) {
			return
		}
		counted[text] = int32(g + 1)
		c.texts++
		for _, n := range d.words(text) {
			if met[n] != int32(c.texts) {
				met[n] = int32(c.texts)
				c.words[n]++
			}
		}
	}
	for g := range d.groups {
		if !in(g) {
			continue
		}
		for _, t := range d.groups[g].learnt {
			count(g, d.turns[t].text)
		}
		for _, i := range d.groups[g].rows {
			if r := &d.rows[i]; r.trains() {
				count(g, r.task)
			}
		}
	}
	return c
}

// vocabulary is what a model keeps of a tally.
func (d *Dataset) vocabulary(c *tally) Vocabulary {
	v := Vocabulary{c.texts, map[string]int{}}
	for n, df := range c.words {
		if df > 1 {
			v.Words[d.lexicon.words[n]] = int(df)
		}
	}
	return v
}

// weights are the idf of all words, by rank, and that of an unknown one, without the texts
// that are held out.
func (d *Dataset) weights(all, held *tally) []float64 {
	out := make([]float64, len(d.lexicon.words)+1)
	for n, r := range d.lexicon.rank {
		out[r] = idf(int(all.words[n]-held.words[n]), all.texts-held.texts)
	}
	out[len(d.lexicon.words)] = idf(0, all.texts-held.texts)
	return out
}
