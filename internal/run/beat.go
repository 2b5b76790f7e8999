package run

import (
	"context"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// A run of this machine notes every beatEvery that it is under way. One that has not
// for silentAfter was cut off: clocks of two machines may differ by some of it.
const (
	beatEvery   = time.Minute
	silentAfter = 5 * time.Minute
)

// beating notes that the run is under way, until the function is called that it returns.
// It is a help to who looks, and no part of the work: that it cannot be noted changes nothing.
func (r Registry) beating(ctx context.Context, id store.RunID) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // a run may end its work after an interrupt
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			_ = r.Beat(ctx, id, r.stamp())
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// Standing of runs without a seal, which only who looks can tell apart.
const (
	Running = "Running" // a process was at work on it lately
	CutOff  = "Cut off" // none was, or another run went on with its plan
)

// StandingOf tells a run without a seal that is under way from one that was cut off;
// pods do not note that they work, so that of theirs it stays Unsealed.
func StandingOf(ctx context.Context, st *store.Store, h Head, now time.Time) (string, error) {
	if h.State != Unsealed {
		return h.State, nil
	}
	how, damaged := ExecutionOf(h.Run)
	if damaged != nil || how.Image != "" {
		return Unsealed, nil
	}
	last, err := st.LastBeat(ctx, h.ID)
	if err != nil {
		return "", err
	}
	if last == "" {
		last = h.Created
	}
	at, err := store.ParseStamp(last)
	if err == nil && now.Sub(at) < silentAfter {
		return Running, nil
	}
	return CutOff, nil
}
