package store_test

import (
	"testing"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/storetest"
)

func TestMem(t *testing.T) {
	storetest.Run(t, func(testing.TB) store.Bucket { return store.NewMem() }, 0)
}
