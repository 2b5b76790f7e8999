package run

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// altered says which of the records that were read of a run are not those that its seal
// binds; with all, which of its steps' are gone, too. It reads what the seal binds, no more.
func (n *noting) altered(ctx context.Context, id store.RunID, all bool) (said, err error) {
	bound, _, err := boundBy(ctx, store.New(n.Bucket), id)
	if err != nil {
		return nil, err
	}
	var list []string
	steps := "runs/" + string(id) + "/steps/"
	for key, want := range bound {
		switch is, read := n.noted(key); {
		case read && is.SHA256 != want:
			list = append(list, key+" was altered")
		case !read && all && strings.HasPrefix(key, steps):
			list = append(list, key+" is gone")
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	slices.SortFunc(list, cmp.Compare)
	more := ""
	if len(list) > 3 {
		more = fmt.Sprintf(", and %d more", len(list)-3)
	}
	return fault.New(fault.Permanent, fmt.Errorf("since run %s was sealed %s%s", id, strings.Join(list[:min(3, len(list))], ", "), more),
		fmt.Sprintf("'gymline verify %s' names all that is not as it was recorded", id)), nil
}
