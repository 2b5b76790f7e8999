// Package cluster is a run that was submitted: how it starts, stops, stands and is
// followed to its end. The store has what it did, and the cluster what it does.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// sealAfter is how long a run that did not start may take to be sealed, an
// interrupt or not.
const sealAfter = 10 * time.Second

// A Client asks the cluster; *argo.Client is one.
type Client interface {
	Submit(ctx context.Context, m *argo.Manifests) error
	Has(ctx context.Context, id store.RunID) (bool, error)
	State(ctx context.Context, id store.RunID) (*argo.State, error)
	Images(ctx context.Context, id store.RunID) ([]store.Image, error)
	Log(ctx context.Context, pod string, follow bool, tail int64) (io.ReadCloser, error)
	Stop(ctx context.Context, id store.RunID) error
}

// A Cluster is where runs are submitted to, and the store that they share.
type Cluster struct {
	Client Client
	Runs   run.Registry
}

// Start opens the next run of a draft, with what the run named by from finished
// ("" for none), and creates its Workflow, which bears the run's name.
func (c Cluster) Start(ctx context.Context, m *argo.Manifests, d run.Draft, p *plan.Plan, from store.RunID) (id store.RunID, err error) {
	for created := false; !created; {
		if id, err = c.Runs.Open(ctx, d, func(id store.RunID) (bool, error) { return c.Client.Has(ctx, id) }); err != nil {
			return "", err
		}
		if from != "" {
			if err := c.Runs.TakeOver(ctx, p, from, id); err != nil {
				return "", c.notStarted(ctx, id, err)
			}
		}
		if created, err = c.create(ctx, id, m); err != nil {
			return "", err
		}
	}
	return id, nil
}

// create creates a run's Workflow, unless another store's run took the name at
// the same moment. When the answer was lost, the cluster is asked whether it has
// the Workflow all the same.
func (c Cluster) create(ctx context.Context, id store.RunID, m *argo.Manifests) (created bool, err error) {
	m.Name(id)
	err = c.Client.Submit(ctx, m)
	if err == nil {
		return true, nil
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), sealAfter)
	defer cancel()
	if errors.Is(err, argo.ErrTaken) {
		return false, c.Runs.Seal(after, id, store.Interrupted)
	}
	has, lookErr := c.Client.Has(after, id)
	if lookErr != nil {
		return false, fmt.Errorf("run %s is open, and may have its workflow: %w", id, errors.Join(err, lookErr))
	}
	if has {
		return true, nil
	}
	return false, c.notStarted(ctx, id, err)
}

// notStarted seals a run that gets no Workflow, and returns why.
func (c Cluster) notStarted(ctx context.Context, id store.RunID, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sealAfter)
	defer cancel()
	return errors.Join(why, c.Runs.Seal(ctx, id, store.Failed, run.FailureOf("workflow", 0, why)))
}

// Stop stops a run; its Workflow's own seal would call that a failure.
func (c Cluster) Stop(ctx context.Context, id store.RunID) error {
	// The store alone may know the run: then it is ended there.
	if err := c.Client.Stop(ctx, id); err != nil && !errors.Is(err, argo.ErrNoWorkflow) {
		return err
	}
	head, err := run.ReadHead(ctx, c.Runs.Store, id)
	if err != nil {
		return err
	}
	if head.State == run.Unsealed { // the act comes first, so that the seal covers it
		err = c.Runs.Act(ctx, id, store.Stopped, "")
	}
	if err == nil {
		err = c.Runs.Seal(ctx, id, store.Interrupted)
	}
	if errors.Is(err, store.ErrExists) {
		return fault.New(fault.Usage, fmt.Errorf("run %s had already ended", id), fmt.Sprintf("see 'gymline status %s'", id))
	}
	return err
}

// Explain says of an error where a run is that the store alone knows.
func Explain(id store.RunID, err error) error {
	if errors.Is(err, argo.ErrNoWorkflow) {
		return fault.New(fault.Usage, err, fmt.Sprintf("it was deleted, or runs elsewhere; 'gymline show %s' has what it left", id))
	}
	return err
}
