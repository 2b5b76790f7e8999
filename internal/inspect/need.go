package inspect

import (
	"fmt"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/trace"
)

// needs refuses labels of need that are of other traces. It reads their rows once more.
func (i *inspector) needs(f *experiment.File, traces []trace.Trace) {
	if f != nil {
		delete(i.seen, *f)
	}
	in, name, ok := i.at(f)
	if !ok {
		return
	}
	needs, err := trace.ReadNeeds(i.ctx, in, name)
	if err == nil && needs.Known(traces) == 0 { // an error was told when they were read first
		i.add(fault.New(fault.Permanent, fmt.Errorf("reward data in %s says of no event of the benchmark whether help was wanted (help_needed)", name),
			"give rows whose events are those of a trace of the benchmark up to one of them, or leave evaluate.need out"))
	}
}
