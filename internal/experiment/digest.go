package experiment

import (
	"slices"
	"strings"
)

// Digests, commits and UUIDs look like hexadecimal keys. What tells them apart is
// their length together with what stands before them.

// algorithmDigits are the digits of digests, by algorithm.
var algorithmDigits = map[string]int{
	"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128,
	"blake2b": 128, "blake2s": 64, "blake3": 64, "b3": 64,
}

// digestDigits are the digits of digests of any algorithm, and of a UUID.
var digestDigits = []int{32, 40, 56, 64, 96, 128}

// window is how much before and after a digest can tell of it.
const window = 256

const between = `[^0-9A-Za-z]{1,4}`

var (
	// algorithmBefore is an algorithm's name right before a digest.
	algorithmBefore = lazily(`(?i)(?:^|[^0-9A-Za-z])(md5|sha-?1|sha-?224|sha-?256|sha-?384|sha-?512|blake2[bs]|blake3|b3)(?:sum)?(?:` + between + `(?:is|of|hash|digest|sum))?` + between + `$`)
	// digestBefore is a word for a digest, with a few others after it.
	digestBefore = lazily(`(?i)(?:^|[^0-9A-Za-z])(?:commits?|revisions?|revs?|refs?|digests?|checksums?|hash(?:es)?|fingerprint|etag|sha|git|head|tree|blobs?|snapshots?|artifacts?|uuid|guid)` +
		`(?:` + between + `(?:is|was|of|the|id|hash|sha|digest|no|at|in|hex|git|commit|sha-?[0-9]+|md5)){0,2}` + between + `$`)
	// anotherBefore joins a digest to the one before it.
	anotherBefore = lazily(`^[\s"'` + "`" + `)]*(?:,|;|\.\.\.?|/|→|->|,?\s*\b(?:and|or|to)\b)[\s"'` + "`" + `(]*$`)
	// placeBefore is the part of a URL after which a digest stands.
	placeBefore = lazily(`(?i)/(?:commits?|tree|blobs?|raw|resolve|snapshots?|archive|revisions?|compare|sha256)/$`)
	// taggedBefore is an image or file up to its tag.
	taggedBefore = lazily(`/[A-Za-z0-9._-]+:$`)
	// namedAfter is the ending of a file.
	namedAfter = lazily(`^\.[A-Za-z][A-Za-z0-9]{0,5}\b`)
	// inBase64 are digests that are not hexadecimal.
	inBase64 = lazily(`\b(?:sha(?:256|384|512)-[A-Za-z0-9+/]{43,86}={0,2}|SHA256:[A-Za-z0-9+/]{43}=?|h1:[A-Za-z0-9+/]{43}=)`)
)

// digests returns where a text holds digests, commits and UUIDs that say that they are.
func digests(s string) (found [][]int) {
	found = inBase64().FindAllStringIndex(s, -1)
	end := -1 // of the digest before
	for _, at := range hexadecimal().FindAllStringIndex(s, -1) {
		if tellsNothing(s[at[0]:at[1]]) || saysDigest(s, at[0], at[1]) ||
			end >= 0 && slices.Contains(digestDigits, at[1]-at[0]) && at[0]-end < window && anotherBefore().MatchString(s[end:at[0]]) {
			found, end = append(found, at), at[1]
		}
	}
	return found
}

// tellsNothing reports whether a run of digits is no key of chance: a name of fifty
// times a, or a number.
func tellsNothing(hex string) bool {
	distinct := map[rune]bool{}
	for _, r := range strings.ToLower(hex) {
		distinct[r] = true
	}
	return len(distinct) < 5 || !strings.ContainsAny(hex, "0123456789") || !strings.ContainsAny(strings.ToLower(hex), "abcdef")
}

// saysDigest reports whether what stands around s[from:to] tells that it is a digest.
func saysDigest(s string, from, to int) bool {
	before, after, n := s[max(0, from-window):from], s[to:min(len(s), to+window)], to-from
	if m := algorithmBefore().FindStringSubmatch(before); m != nil {
		return n == algorithmDigits[strings.ReplaceAll(strings.ToLower(m[1]), "-", "")]
	}
	if !slices.Contains(digestDigits, n) {
		return false
	}
	if digestBefore().MatchString(before) {
		return true
	}
	word := before[strings.LastIndexAny(before, " \t\"'")+1:]
	url := strings.Contains(word, "://") || len(word) == window
	switch {
	case strings.HasPrefix(after, "@"):
		return false // what stands there is a password
	case strings.HasSuffix(word, "@"):
		return len(word) > 1 && (n == 40 || n == 64) && !url
	case strings.HasSuffix(word, "/"):
		return !url || placeBefore().MatchString(word)
	case taggedBefore().MatchString(word):
		return !url && (n == 40 || n == 64)
	case strings.HasPrefix(after, "/"):
		return word == "" || word == "./"
	}
	return word == "" && namedAfter().MatchString(after)
}
