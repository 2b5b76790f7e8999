package run

import (
	"context"
	"errors"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// sealWithin is how long it may take to seal a run that has ended.
const sealWithin = 10 * time.Second

// Live opens the next run of a draft, has work do it, and seals it with what came
// of it; what is done is done, so that it is sealed also after an interrupt. The
// error says why the run did not succeed; the ID is "" when it was not opened.
func (r Registry) Live(ctx context.Context, d Draft, work func(store.RunID) ([]store.Failure, error)) (id store.RunID, state string, err error) {
	if id, err = r.Open(ctx, d, nil); err != nil {
		return "", store.Failed, err
	}
	failures, err := work(id)
	state = store.Succeeded
	switch {
	case len(failures) > 0:
		state, err = store.Failed, Failed(id, failures[0])
	case err != nil:
		state = store.Interrupted
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), sealWithin)
	defer cancel()
	if sealErr := r.Seal(last, id, state, failures...); sealErr != nil {
		return id, store.Failed, errors.Join(err, sealErr)
	}
	return id, state, err
}
