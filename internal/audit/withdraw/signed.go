package withdraw

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gymline/gymline/internal/audit/lineage"
	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/store"
)

// Sign stores the statement of a withdrawal in an envelope signed by a key, which its
// record will name, and returns the key's ID. The statement has no number: it is signed
// before the withdrawal has one.
func (f *Found) Sign(ctx context.Context, st *store.Store, key crypto.Signer) (by string, err error) {
	payload, err := f.payload()
	if err != nil {
		return "", err
	}
	e, err := sign.Seal(payload, key)
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	f.Signed, err = st.PutBlob(ctx, data)
	return e.Signatures[0].KeyID, err
}

func (f *Found) payload() ([]byte, error) {
	unnumbered := *f
	unnumbered.Number = 0
	return canonical.JSON(unnumbered.Statement())
}

// ErrOther is that what was signed is not what the record of a withdrawal says.
var ErrOther = errors.New("the signed statement is not of what the record and its list say")

// Envelope reads the signed statement of a withdrawal, which must follow from its record
// and its list.
func Envelope(ctx context.Context, st *store.Store, w store.Withdrawal) (*sign.Envelope, []byte, error) {
	data, err := st.ReadBlob(ctx, w.Signed)
	if err != nil {
		return nil, nil, err
	}
	e, payload, err := sign.Read(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrOther, err)
	}
	f, err := recorded(ctx, st, w)
	if err != nil {
		return nil, nil, err
	}
	now, err := f.payload()
	if err == nil && !bytes.Equal(now, payload) {
		err = ErrOther
	}
	return e, payload, err
}

// recorded is what was found, from its record and list.
func recorded(ctx context.Context, st *store.Store, w store.Withdrawal) (*Found, error) {
	f := &Found{Withdrawal: w}
	at := map[store.RunID]int{}
	for _, id := range w.Runs {
		at[id] = len(f.Counts)
		f.Counts = append(f.Counts, Count{id, map[string]int{}})
	}
	list, err := st.OpenBlob(ctx, w.Affected)
	if err != nil {
		return nil, err
	}
	defer list.Close()
	for dec := json.NewDecoder(bufio.NewReader(list)); ; {
		var item Item
		if err := dec.Decode(&item); errors.Is(err, io.EOF) {
			return f, nil
		} else if err != nil {
			return nil, fmt.Errorf("the list of what came of it: %w", err)
		}
		i, known := at[item.Run]
		if !known {
			return nil, fmt.Errorf("%w: its list has run %s", ErrOther, item.Run)
		}
		f.Counts[i].Kind[item.Kind]++
		if item.Kind == lineage.Artifact {
			f.Artifacts = append(f.Artifacts, item)
		}
	}
}
