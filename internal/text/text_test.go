package text

import "testing"

func TestDollars(t *testing.T) {
	for usd, want := range map[float64]string{
		12.5: "$12.50", 12.494: "$12.49", 0: "$0.00", 0.5: "$0.50", 0.0123: "$0.012", 0.000096: "$0.000096", -0.25: "-$0.25", 1234.5: "$1,234.50", 1_234_567.8: "$1,234,567.80", 0.994: "$0.99", 0.996: "$1.00",
		0.0000014: "$0.000001", 1e-9: "<$0.000001",
	} {
		if got := Dollars(usd); got != want {
			t.Errorf("%v: %s, want %s", usd, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1.0k", 81_249: "81.2k", 999_949: "999.9k", 999_950: "1.0M", 3_400_000: "3.4M", 999_950_000: "1.0B"} {
		if got := Short(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestPlural(t *testing.T) {
	for n, want := range map[int]string{0: "0 rows", 1: "1 row", 2: "2 rows", 1200: "1,200 rows", -1200: "-1,200 rows"} {
		if got := Plural(n, "row"); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		text       string
		most       int
		clip, byte string
	}{
		{"", 3, "", ""},
		{"abc", 3, "abc", "abc"},
		{"abcd", 3, "ab…", "abc…"},
		{"a bcd", 3, "a…", "a b…"},
		{"äöü", 3, "äöü", "ä…"},
		{"äöüß", 3, "äö…", "ä…"},
	} {
		if got := Clip(c.text, c.most); got != c.clip {
			t.Errorf("%q: clipped to %q, want %q", c.text, got, c.clip)
		}
		if got := ClipBytes(c.text, c.most); got != c.byte {
			t.Errorf("%q: clipped in bytes to %q, want %q", c.text, got, c.byte)
		}
	}
}
