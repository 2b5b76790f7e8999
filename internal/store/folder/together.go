package folder

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"path"

	"github.com/gymline/gymline/internal/store"
)

var _ store.Together = (*Bucket)(nil) // which the suite asks for

// PutAll implements store.Together. It waits for the disk twice, for all bytes and
// then for all names, where the system can make a whole file system durable; else it
// waits as often as Put does.
func (b *Bucket) PutAll(ctx context.Context, objects []store.Object) error {
	if b.syncAll == nil || b.readOnly || len(objects) < 2 {
		return b.putEach(ctx, objects)
	}
	temps := make([]string, len(objects))
	defer func() {
		for _, temp := range temps {
			if temp != "" {
				b.root.Remove(temp)
			}
		}
	}()
	each := func(do func(name, temp string, i int) error) error {
		return store.SideBySide(ctx, len(objects), func(i int) error {
			name, err := file(ctx, "put", objects[i].Key)
			if err != nil {
				return err
			}
			return b.failure(ctx, "put", objects[i].Key, do(name, temps[i], i))
		})
	}
	err := each(func(_, _ string, i int) error {
		temps[i] = path.Join(uploads, rand.Text())
		return b.upload(temps[i], func(f *os.File) error {
			_, err := f.Write(objects[i].Body)
			return err
		}, func(*os.File) error { return nil })
	})
	if err != nil {
		return err
	}
	if err := b.durable(); unsupported(err) {
		return b.putEach(ctx, objects)
	} else if err != nil {
		return b.failure(ctx, "put", uploads, err)
	}
	err = each(func(name, temp string, i int) error {
		if err := b.ensure(path.Dir(name)); err != nil {
			return err
		}
		err := b.root.Rename(temp, name)
		if err == nil {
			temps[i] = ""
		}
		return err
	})
	if err != nil {
		return err
	}
	return b.failure(ctx, "put", objects[0].Key, b.durable())
}

func (b *Bucket) putEach(ctx context.Context, objects []store.Object) error {
	return store.SideBySide(ctx, len(objects), func(i int) error {
		body := objects[i].Body
		return b.Put(ctx, objects[i].Key, bytes.NewReader(body), int64(len(body)))
	})
}

// durable makes everything durable that was written below the root.
func (b *Bucket) durable() error {
	f, err := b.root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return b.syncAll(f)
}
