package argo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/argoproj/argo-workflows/v3/persist/sqldb"
	"github.com/argoproj/argo-workflows/v3/workflow/hydrator"
	"github.com/argoproj/argo-workflows/v3/workflow/packer"
	wfutil "github.com/argoproj/argo-workflows/v3/workflow/util"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// Resuming may be lost when the controller writes at the same moment (Argo issue
// 12863): it is asked for again until a later look finds it done.
const resumeTries = 10

// resumePause is between two of them. Tests shorten it.
var resumePause = 2 * time.Second

// Resume sets a suspended run going again, verifies that it does, and returns
// what was suspended. step is one that waits, or "" for all of them.
func (c *Client) Resume(ctx context.Context, id store.RunID, step store.StepName) ([]string, error) {
	wf, err := c.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := packer.DecompressWorkflow(wf); err != nil {
		return nil, err
	}
	before, selector := suspended(wf), ""
	if step != "" {
		before = slices.DeleteFunc(before, func(s string) bool { return s != string(step) })
		selector = "templateName=" + waitPrefix + string(step)
	}
	if len(before) == 0 {
		return nil, fault.New(fault.Usage, fmt.Errorf("run %s is not suspended: it is %s", id, phase(string(wf.Status.Phase))), fmt.Sprintf("see 'gymline status %s'", id))
	}
	nodes := hydrator.New(sqldb.ExplosiveOffloadNodeStatusRepo) // nodes in SQL are not ours to change
	for range resumeTries {
		if err := wfutil.ResumeWorkflow(ctx, c.argo.Workflows(c.namespace), nodes, wf.Name, selector); err != nil {
			return nil, c.explain("resume workflow "+wf.Name, err)
		}
		select {
		case <-time.After(resumePause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		now, err := c.State(ctx, id)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(before, func(s string) bool { return slices.Contains(now.Suspended, s) }) {
			return before, nil
		}
	}
	return nil, fault.New(fault.Temporary, fmt.Errorf("run %s was asked %d times to resume and is still suspended at %s", id, resumeTries, strings.Join(before, ", ")),
		"is the workflow-controller running? try again")
}
