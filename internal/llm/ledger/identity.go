package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// fields returns an identity's fields, in the order in which differences are
// named, as a person reads them.
func (id Identity) fields() (fields [7][2]string) {
	number := func(f *float64) string {
		if f == nil {
			return "none"
		}
		return strconv.FormatFloat(*f, 'g', -1, 64)
	}
	limit := "none"
	if id.MaxTokens != 0 {
		limit = strconv.Itoa(id.MaxTokens)
	}
	return [...][2]string{
		{"provider", strconv.Quote(id.Provider)}, {"baseURL", strconv.Quote(id.BaseURL)}, {"model", strconv.Quote(id.Model)},
		{"temperature", number(id.Temperature)}, {"topP", number(id.TopP)}, {"maxTokens", limit}, {"schema", strconv.Quote(id.Schema)},
	}
}

// explainIdentity says how a model of which nothing was recorded differs from
// the nearest one of which something was.
func (l *Ledger) explainIdentity(ctx context.Context, b *book) string {
	recorded, err := l.identities(ctx)
	if err != nil {
		return fmt.Sprintf("nothing was recorded of this model, and others could not be looked for: %v", err)
	}
	asked, most, diff := b.identity.fields(), -1, ""
	for _, id := range recorded {
		same, first := 0, ""
		for i, f := range id.fields() {
			if f == asked[i] {
				same++
			} else if first == "" {
				first = fmt.Sprintf("%s: recorded %s, asked %s", f[0], f[1], asked[i][1])
			}
		}
		if same > most && first != "" {
			most, diff = same, first
		}
	}
	if diff == "" {
		return "the ledger is empty"
	}
	return "nothing was recorded of this model, and the nearest one in the ledger differs first in " + diff
}

// identities returns every model of which something was recorded, by digest.
func (l *Ledger) identities(ctx context.Context) (all []Identity, err error) {
	seen := ""
	for key, err := range l.opt.Bucket.List(ctx, "ledger/") {
		if err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		dir, _, ok := strings.Cut(strings.TrimPrefix(key, "ledger/"), "/")
		if !ok || !isDigest(dir) || dir == seen {
			continue
		}
		b := &book{ledger: l, prefix: "ledger/" + dir + "/"}
		o, ok := parseKey(b.prefix, key)
		if !ok {
			continue
		}
		seen = dir
		h, err := b.readHeader(ctx, &o)
		if err != nil {
			return nil, err
		}
		all = append(all, h.Model)
	}
	return all, nil
}
