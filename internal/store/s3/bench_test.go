package s3_test

import (
	"testing"

	"github.com/gymline/gymline/internal/store/miniotest"
	"github.com/gymline/gymline/internal/store/storetest"
)

func BenchmarkWriteMinIO(b *testing.B) {
	storetest.Bench(b, open(b, miniotest.Start(b).Config("bench")))
}
