package generate

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
)

func TestInOrderHoldsABoundedWindow(t *testing.T) {
	const limit = 4
	release := make(chan struct{})
	var started atomic.Int64
	err := make(chan error, 1)
	var got []int
	go func() {
		err <- inOrder(context.Background(), 1000, limit, func(_ context.Context, i int) (int, error) {
			if started.Add(1) == windowFactor*limit+1 { // the window is full: only now may the first go on
				close(release)
			}
			if i == 0 {
				<-release
			}
			return i * i, nil
		}, func(i, v int) error {
			if v != i*i {
				return fmt.Errorf("result %d is %d", i, v)
			}
			if i == 0 && started.Load() > (windowFactor+1)*limit+2 {
				return fmt.Errorf("%d were started before the first was done", started.Load())
			}
			got = append(got, i)
			return nil
		})
	}()
	if e := <-err; e != nil || len(got) != 1000 {
		t.Errorf("%d results, %v", len(got), e)
	}
}
