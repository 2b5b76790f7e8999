package plan

import (
	"fmt"
	"strings"
)

// Alike says which candidates are not what their names make a reader think.
func (e *Evaluate) Alike() (list []string) {
	for _, group := range e.OneModel {
		list = append(list, fmt.Sprintf("%s are one model, asked alike: they share one set of answers, and a difference between them could not be seen", strings.Join(group, ", ")))
	}
	if own := e.OwnJudge; own != nil {
		list = append(list, fmt.Sprintf("the judge is the model of %s, too: models tend to like what they write themselves", strings.Join(own, ", ")))
	}
	return list
}
