package text

import (
	"maps"
	"slices"
	"strings"
)

// Kinds lists how many there are of each kind, in alphabetical order: email 24, phone 3.
func Kinds[N int | int64](counts map[string]N) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, kind+" "+Count(counts[kind]))
	}
	return strings.Join(parts, ", ")
}
