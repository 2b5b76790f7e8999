package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/cluster"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/journal"
	"github.com/gymline/gymline/internal/store"
)

type logsOptions struct {
	profile string
	follow  bool
	step    string // "" for all
	shard   int    // -1 for all
}

func newLogs(edge *cli.Edge) *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use:   "logs RUN [STEP[/SHARD]]",
		Short: "Print what a run of this machine said, or the pods of a submitted one",
		Long: `Print what a run of this machine said: when its shards began, ended and why they
failed, and its jobs' logs. The latest ` + strconv.Itoa(journal.Kept) + ` runs are kept, below .gymline/logs/.

With a profile whose engine is argo, print what the pods of a submitted run said,
attempt by attempt: events as JSON lines, and logs; and what a trainer in a container
of its own says. With -f, go on until the pods that run now have ended.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.shard = -1
			if len(args) == 2 {
				step, shard, one := strings.Cut(args[1], "/")
				if o.step = step; one {
					n, err := strconv.Atoi(shard)
					if err != nil || n < 0 {
						return usage(cmd, fmt.Errorf("%q: want STEP or STEP/SHARD", args[1]))
					}
					o.shard = n
				}
			}
			return runLogs(cmd.Context(), edge, o, store.RunID(args[0]))
		},
	}
	bindProfile(cmd, &o.profile)
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on as they speak")
	return cmd
}

func runLogs(ctx context.Context, edge *cli.Edge, o logsOptions, id store.RunID) error {
	profile, err := loadProfile(o.profile)
	if err != nil {
		return err
	}
	if profile.Spec.Engine == experiment.EngineLocal {
		return o.printJournal(edge, profile.Metadata.Name, id)
	}
	return withCluster(ctx, edge, profile, func(c *onArgo) error {
		state, err := c.State(ctx, id)
		if err != nil {
			return cluster.Explain(id, err)
		}
		if state.Unread != "" {
			return fault.New(fault.Config, errors.New(state.Unread), fmt.Sprintf("'argo logs %s' reads them", state.Workflow))
		}
		found := false
		for _, pod := range state.Pods {
			if o.step != "" && pod.Step != o.step || o.shard >= 0 && pod.Shard != o.shard || pod.Phase == argo.Pending {
				continue
			}
			found = true
			if err := c.printLog(ctx, edge, pod, o.follow); err != nil {
				return err
			}
		}
		if !found {
			return fault.New(fault.Usage, fmt.Errorf("run %s has no pod of %s that has started", id, strings.TrimSuffix(o.step+"/"+strconv.Itoa(o.shard), "/-1")), fmt.Sprintf("see 'gymline status %s'", id))
		}
		return nil
	})
}

// printLog prints a pod's log, each line behind the step, shard and attempt, and
// first what its trainer says; as they speak, both at once.
func (c *onArgo) printLog(ctx context.Context, edge *cli.Edge, pod argo.Pod, follow bool) error {
	head := fmt.Sprintf("%s/%d#%d", pod.Step, pod.Shard, pod.Attempt)
	var one sync.Mutex
	show := func(head string, open func() (io.ReadCloser, error)) error {
		say := func(line []byte) error {
			one.Lock()
			defer one.Unlock()
			_, err := fmt.Fprintf(edge.Stdout, "%s | %s\n", head, line)
			return err
		}
		r, err := open()
		if err != nil {
			// A pod that is gone took its log along; the others still have theirs.
			return say(fmt.Appendf(nil, "no log: %v", err))
		}
		defer r.Close()
		return lines(r, say)
	}
	var speak errgroup.Group
	if !follow {
		speak.SetLimit(1)
	}
	if pod.Trainer {
		speak.Go(func() error {
			return show(head+" trainer", func() (io.ReadCloser, error) { return c.TrainerLog(ctx, pod.Name, follow) })
		})
	}
	speak.Go(func() error {
		return show(head, func() (io.ReadCloser, error) { return c.Log(ctx, pod.Name, follow, 0) })
	})
	return speak.Wait()
}

// lines calls fn with each line of r.
func lines(r io.Reader, fn func(line []byte) error) error {
	buffered := bufio.NewReader(r)
	for {
		line, err := buffered.ReadBytes('\n')
		if len(line) > 0 {
			if err := fn(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
