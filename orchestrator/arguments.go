package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// argumentsOf are the names of a command's arguments, as its use has them, and how many it
// cannot do without.
func argumentsOf(cmd *cobra.Command) (names []string, required int) {
	for _, word := range strings.Fields(cmd.Use)[1:] {
		name := word
		optional := strings.HasPrefix(word, "[")
		if optional {
			name = strings.TrimSuffix(word[1:], "]")
		}
		if strings.HasPrefix(name, "--") || name == "|" {
			break
		}
		names = append(names, strings.TrimSuffix(name, "…"))
		if !optional && required == len(names)-1 {
			required++
		}
	}
	return names, required
}

// tellArguments makes a command, and those below it, say which argument is missing, where
// cobra says how many there are.
func tellArguments(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		tellArguments(below)
	}
	check := cmd.Args
	if check == nil {
		return
	}
	names, required := argumentsOf(cmd)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		switch {
		case err == nil:
			return nil
		case len(args) < required && names[len(args)] == "RUN":
			return fault.New(fault.Usage, fmt.Errorf("which run? %s", strings.TrimSuffix(cmd.UseLine(), " [flags]")), "see 'gymline list'")
		case len(args) < required && strings.Contains(names[len(args)], "|"):
			err = fmt.Errorf("want one of %s", strings.ReplaceAll(names[len(args)], "|", ", "))
		case len(args) < required:
			err = fmt.Errorf("%s is missing: %s", names[len(args)], strings.TrimSuffix(cmd.UseLine(), " [flags]"))
		}
		return usage(cmd, err)
	}
}

// known refuses a command that is not there, also where help is asked for.
func known(root *cobra.Command, args []string) error {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	if len(args) > 0 && args[0] == "help" {
		args = args[1:]
	}
	cmd, rest, _ := root.Find(args)
	if len(rest) == 0 || cmd != root || strings.HasPrefix(rest[0], "-") || strings.HasPrefix(rest[0], "__") { // a shell asks by "__complete"
		return nil
	}
	return root.Args(root, rest)
}

// completeWithin bounds what a shell waits for a word.
const completeWithin = 2 * time.Second

// complete offers what a command's arguments may be, and the values of its flags. Whoever
// presses a key wants no error: what cannot be found out is not offered.
func complete(edge *cli.Edge, cmd *cobra.Command) {
	names, _ := argumentsOf(cmd)
	if len(names) > 0 && cmd.ValidArgs == nil {
		cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			at := len(args)
			if strings.HasSuffix(cmd.Use, "…") {
				at = 0
			}
			if at >= len(names) {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return offered(edge, cmd, names[at], args, word)
		}
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if v, ok := f.Value.(*form); ok {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(v.forms, cobra.ShellCompDirectiveNoFileComp))
		} else if f.Name == "profile" {
			_ = cmd.MarkFlagFilename(f.Name, "yaml", "yml")
		}
	})
	for _, below := range cmd.Commands() {
		complete(edge, below)
	}
}

// offered is what an argument of that name may be, after args.
func offered(edge *cli.Edge, cmd *cobra.Command, name string, args []string, word string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	profile := ""
	if f := cmd.Flags().Lookup("profile"); f != nil {
		profile = f.Value.String()
	}
	var found []string
	look := func(fn func(st *store.Store) ([]string, error)) {
		_ = reading(ctx, edge, profile, func(st *store.Store) (err error) {
			found, err = fn(st)
			return err
		})
	}
	switch name {
	case "CONFIG", "FILE":
		return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	case "DIR", "FOLDER":
		return nil, cobra.ShellCompDirectiveFilterDirs
	case "RUN":
		look(func(st *store.Store) ([]string, error) { return runsAndTags(ctx, st) })
	case "EXPERIMENT":
		look(func(st *store.Store) ([]string, error) { return experiments(ctx, st) })
	case "STEP", "STEP[/SHARD]", "STEP/OUTPUT":
		look(func(st *store.Store) ([]string, error) { return steps(ctx, st, args[0], name == "STEP/OUTPUT") })
	case "ROLE":
		found = prompt.Roles()
	default:
		found = strings.Split(name, "|")
	}
	found = slices.DeleteFunc(found, func(s string) bool { return s == name || !strings.HasPrefix(s, word) })
	return found, cobra.ShellCompDirectiveNoFileComp
}

func runsAndTags(ctx context.Context, st *store.Store) ([]string, error) {
	ids, err := st.Runs(ctx)
	tags, tagsErr := st.Tags(ctx)
	var found []string
	for _, id := range slices.Backward(ids) {
		found = append(found, string(id))
	}
	for name := range tags {
		found = append(found, name)
	}
	return found, errors.Join(err, tagsErr)
}

// experiments are those whose runs have numbers.
func experiments(ctx context.Context, st *store.Store) (found []string, err error) {
	heads, err := run.Heads(ctx, st)
	for _, h := range heads {
		if h.Experiment != "" && !slices.Contains(found, h.Experiment) {
			found = append(found, h.Experiment)
		}
	}
	return found, err
}

// steps are those of a run, or what the first shard of each wrote.
func steps(ctx context.Context, st *store.Store, named string, outputs bool) (found []string, err error) {
	id, err := st.RunNamed(ctx, named)
	if err != nil {
		return nil, err
	}
	p, err := run.ReadPlan(ctx, st, id)
	if err != nil {
		return nil, err
	}
	if !outputs {
		for _, s := range p.Steps {
			found = append(found, string(s.Name))
		}
		return found, nil
	}
	lists := make([][]string, len(p.Steps))
	err = store.SideBySide(ctx, len(p.Steps), func(i int) error {
		rec, err := run.Record(ctx, st, id, p.Steps[i].Name, 0)
		if err != nil || rec == nil {
			return err
		}
		for _, a := range rec.Outputs {
			lists[i] = append(lists[i], string(p.Steps[i].Name)+"/"+a.Name)
		}
		return nil
	})
	return slices.Concat(lists...), err
}
