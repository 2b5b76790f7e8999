package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
)

func newRoot(edge *cli.Edge) *cobra.Command {
	root := &cobra.Command{
		Use:   "gymline",
		Short: "From one experiment file to datasets, reward model, trainer files and scores of proactive agents",
		Long: `Gymline runs one versioned experiment file as a line of jobs: generate → curate →
reward → finetune-export → train → predict → evaluate → report; anchors, rows that
people judged, watch the judge of nights. Every artifact is kept by its digest, so
running again does only what is missing.

` + fault.Help(),
		Version:       made().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetArgs(edge.Args)
	root.SetOut(edge.Stdout)
	root.SetErr(edge.Stderr)
	root.SetFlagErrorFunc(usage)
	root.SetVersionTemplate("{{.Version}}")
	group := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, cmd := range commands {
			cmd.GroupID = id
		}
		root.AddCommand(commands...)
	}
	group("author", "Write an experiment:", newValidate(edge), newSchema(edge), newPrompts(edge), newPlan(edge))
	group("run", "Run it on this machine:", newRun(edge), newBatches(edge), newCheckpoint(edge))
	group("look", "Look at runs:", newList(edge), newStatus(edge), newLogs(edge), newHistory(edge), newGate(edge), newShow(edge), newTag(edge), newNote(edge), newStats(edge), newReport(edge), newSessions(edge), newCalls(edge), newTable(edge), newGet(edge), newFetch(edge), newStore(edge))
	group("audit", "Audit runs:", newVerify(edge), newKeygen(edge), newSign(edge), newLineage(edge), newDiff(edge), newReproduce(edge), newWithdraw(edge))
	group("keep", "Keep runs and let them go:", newPack(edge), newUnpack(edge), newPin(edge, true), newPin(edge, false), newRm(edge), newGC(edge))
	group("cluster", "Run it on Kubernetes:",
		newCompile(edge), newSubmit(edge), newStop(edge), newResume(edge), newRetry(edge))
	root.AddCommand(newVersion(edge), newMan(edge))
	for _, cmd := range []*cobra.Command{newJob(edge), newOpen(edge), newSeal(edge), newLook(edge), newInstall(edge), newAttend(edge)} {
		cmd.Hidden = true // engines and pods call them
		root.AddCommand(cmd)
	}
	for _, cmd := range root.Commands() {
		defaultProfile(cmd, edge.Getenv(envProfile))
		tellArguments(cmd)
		complete(edge, cmd)
	}
	root.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			err := fmt.Errorf("unknown command %q", args[0])
			cmd.SuggestionsMinimumDistance = min(2, len(args[0])/3) // of few letters all words are near
			if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
				err = fmt.Errorf("%w; did you mean %q?", err, like[0])
			}
			return usage(cmd, err)
		}
		return nil
	}
	return root
}

// envProfile names the profile of commands that are given none.
const envProfile = "GYMLINE_PROFILE"

// defaultProfile sets the profile of a command and those below it.
func defaultProfile(cmd *cobra.Command, file string) {
	if f := cmd.Flags().Lookup("profile"); f != nil && file != "" {
		f.DefValue = file
		_ = f.Value.Set(file) // a text takes any
	}
	for _, below := range cmd.Commands() {
		defaultProfile(below, file)
	}
}

func usage(cmd *cobra.Command, err error) error {
	return fault.New(fault.Usage, err, fmt.Sprintf("see '%s --help'", cmd.CommandPath()))
}

// oneOf refuses what is none of a few words, and names them.
func oneOf(cmd *cobra.Command, what, word string, words []string) error {
	if slices.Contains(words, word) {
		return nil
	}
	return usage(cmd, fmt.Errorf("there is no %s %q: want %s", what, word, strings.Join(words, ", ")))
}
