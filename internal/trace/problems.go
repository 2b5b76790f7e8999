package trace

import (
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/fault"
)

// maxProblems are told of one folder or file: what is wrong everywhere is one mistake.
const maxProblems = 20

// problems gathers what is wrong with data, so that it can be mended in one go.
type problems struct {
	list []error
	more int // beyond maxProblems
}

// add notes an error, unless it is nil.
func (p *problems) add(err error) {
	switch {
	case err == nil:
	case len(p.list) < maxProblems:
		p.list = append(p.list, err)
	default:
		p.more++
	}
}

func (p *problems) count() int { return len(p.list) + p.more }

// err is nil, the only problem, or all of them, a line each, with the hint of the first.
func (p *problems) err() error {
	switch {
	case len(p.list) == 0:
		return nil
	case len(p.list) == 1:
		return p.list[0]
	}
	all := p.list
	if p.more > 0 {
		all = append(all[:len(all):len(all)], fmt.Errorf("… and %d more", p.more))
	}
	return fault.New(fault.Permanent, errors.Join(all...), fault.Hint(p.list[0]))
}
