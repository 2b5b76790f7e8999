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

// rare is the weight of a word that 1 text in 50 has, or about.
var rare = math.Log(50)

// A tally counts texts, and those that have a word, by the word's number.
type tally struct {
	texts int
	words []int32
}

// tally counts the training texts of groups, each distinct event and task once
// a group; of says what a group counts for, nil for nothing.
func (d *Dataset) tally(of func(group int) *tally) {
	counted := make([]int32, len(d.texts)) // the group, from 1, that counted a text last
	met := make([]uint32, len(d.lexicon.words))
	texts := uint32(0)
	seen := make([]bool, len(d.turns))
	for g := range d.groups {
		to := of(g)
		if to == nil {
			continue
		}
		count := func(text int32) {
			if counted[text] == int32(g+1) {
				return
			}
			counted[text] = int32(g + 1)
			to.texts++
			texts++
			for _, n := range d.cut(text).words {
				if met[n] != texts {
					met[n] = texts
					to.words[n]++
				}
			}
		}
		for t := range d.training(g, seen) {
			count(t.text)
		}
		for _, t := range d.turnsOf(g) {
			for _, r := range d.cases(t) {
				if !r.test && r.task != silence {
					count(r.task)
				}
			}
		}
	}
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

// weights are the idf of all words, by rank, without the texts that are held out.
func (d *Dataset) weights(all, held *tally) []float64 {
	out := make([]float64, len(d.lexicon.words))
	for n, r := range d.lexicon.rank {
		out[r] = idf(int(all.words[n]-held.words[n]), all.texts-held.texts)
	}
	return out
}
