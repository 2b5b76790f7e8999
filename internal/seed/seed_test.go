package seed

import "testing"

// The streams are part of every digest: a change here is a new format of all jobs.
func TestStreamsArePinned(t *testing.T) {
	for _, c := range []struct {
		root uint64
		path []string
		want uint64
	}{
		{0, nil, 0xfbf9de687676b5e8},
		{7, []string{"generate", "session", "12"}, 0x50bb2d65a790798a},
	} {
		if got := New(c.root, c.path...).Uint64(); got != c.want {
			t.Errorf("New(%d, %q) starts with %#x, want %#x", c.root, c.path, got, c.want)
		}
	}
}

func TestPathsAreIndependent(t *testing.T) {
	seen := map[uint64][]string{}
	for _, path := range [][]string{nil, {""}, {"", ""}, {"ab", "c"}, {"a", "bc"}, {"abc"}, {"a", "b", "c"}, {"a\x00b"}, {"a", "\x00b"}} {
		first := New(7, path...).Uint64()
		if other, ok := seen[first]; ok {
			t.Errorf("%q and %q give the same stream", path, other)
		}
		seen[first] = path
		if again := New(7, path...).Uint64(); again != first {
			t.Errorf("%q gives two streams", path)
		}
		if New(8, path...).Uint64() == first {
			t.Errorf("%q ignores the root", path)
		}
	}
}
