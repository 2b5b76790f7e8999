package flat

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// A Parquet file has the cells of the CSV in the same order, of the documented types, and
// is always the same.
func TestParquet(t *testing.T) {
	st, id := world(t, both())
	types := map[string]parquet.Kind{"text": parquet.ByteArray, "integer": parquet.Int64, "number": parquet.Double, "true or false": parquet.Boolean}
	for _, kind := range []string{Turns, Events, Verdicts} { // calls are of real shards
		text := written(t, st, id, kind, "parquet")
		if text != written(t, st, id, kind, "parquet") {
			t.Errorf("%s is another file the second time", kind)
		}
		file, err := parquet.OpenFile(strings.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range file.Schema().Fields() {
			c := Columns(kind)[i]
			of, none := strings.CutSuffix(c.Type, " or none")
			if f.Name() != c.Name || f.Type().Kind() != types[of] || f.Optional() != none {
				t.Errorf("%s: column %d is %s, a %s, optional %t; want %v", kind, i, f.Name(), f.Type(), f.Optional(), c)
			}
		}
		want, err := csv.NewReader(strings.NewReader(written(t, st, id, kind, "csv"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for r, cells := range rowsOf(t, file) {
			for c, v := range cells {
				got := v.String()
				if v.IsNull() {
					got = ""
				}
				if got != want[r+1][c] {
					t.Errorf("%s, row %d: %s is %q, and %q in CSV", kind, r, want[0][c], got, want[r+1][c])
				}
			}
		}
		if int(file.NumRows()) != len(want)-1 {
			t.Errorf("%s: %d rows, and %d in CSV", kind, file.NumRows(), len(want)-1)
		}
	}
}

func rowsOf(t *testing.T, file *parquet.File) (rows []parquet.Row) {
	t.Helper()
	for _, g := range file.RowGroups() {
		r := g.Rows()
		for {
			buf := make([]parquet.Row, 1)
			n, err := r.ReadRows(buf)
			for _, row := range buf[:n] {
				rows = append(rows, row.Clone())
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}
