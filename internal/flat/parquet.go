package flat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"

	"github.com/gymline/gymline/internal/store"
)

// rowsPerGroup bounds what is held in memory before it is written: some 30 MB of texts.
const rowsPerGroup = 1 << 16

// writeParquet writes a run's table as Parquet: UTF-8, INT64, DOUBLE and BOOLEAN columns,
// optional where a cell may be none, compressed with Zstandard.
func writeParquet(ctx context.Context, w io.Writer, st *store.Store, id store.RunID, kind string) error {
	as := columnar(kinds[kind])
	p := parquet.NewWriter(w, parquet.SchemaOf(reflect.Zero(as).Interface()), parquet.Compression(&parquet.Zstd),
		parquet.MaxRowsPerRowGroup(rowsPerGroup), parquet.CreatedBy("gymline", "", ""))
	err := Each(ctx, st, id, kind, func(row any) error {
		return p.Write(reflect.ValueOf(row).Convert(as).Interface())
	})
	return errors.Join(err, p.Close())
}

// columnar is a row's type with the names of its columns as the library reads them.
func columnar(t reflect.Type) reflect.Type {
	var list []reflect.StructField
	for f := range fields(t) {
		f.Tag = reflect.StructTag(fmt.Sprintf("parquet:%q", f.Tag.Get("json")))
		list = append(list, reflect.StructField{Name: f.Name, Type: f.Type, Tag: f.Tag})
	}
	return reflect.StructOf(list)
}
