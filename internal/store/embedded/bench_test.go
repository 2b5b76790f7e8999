package embedded

import (
	"testing"

	"github.com/gymline/gymline/internal/store/storetest"
)

func BenchmarkWrite(b *testing.B) { storetest.Bench(b, open(b, start(b, b.TempDir()), "")) }
