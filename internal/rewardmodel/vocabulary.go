package rewardmodel

import (
	"maps"
	"math"
)

// A Vocabulary knows how rare words are: in how many of the texts (events and
// tasks, each counted once a group) a word occurs.
type Vocabulary struct {
	Texts int            `json:"texts"`
	Words map[string]int `json:"words"`
}

// add counts the texts of o.
func (v *Vocabulary) add(o *Vocabulary) {
	v.Texts += o.Texts
	for w, n := range o.Words {
		v.Words[w] += n
	}
}

// idf is ln((1+N)/(1+max(df,1))): a word seen once is as rare as an unseen one,
// so that models need not list it.
func (v *Vocabulary) idf(word string) float64 {
	return math.Log(float64(1+v.Texts) / float64(1+max(v.Words[word], 1)))
}

// sum adds up the idf of words.
func (v *Vocabulary) sum(words []string) float64 {
	total := 0.0
	for _, w := range words {
		total += v.idf(w)
	}
	return total
}

// isRare says that a word occurs in fewer than about 1 text in 50.
func (v *Vocabulary) isRare(word string) bool { return v.idf(word) > math.Log(50) }

// trim drops the words that idf does not need.
func (v *Vocabulary) trim() {
	maps.DeleteFunc(v.Words, func(_ string, n int) bool { return n <= 1 })
}
