package store

import (
	"fmt"
	"strconv"
	"strings"
)

// maxName bounds what becomes one segment of a key, in bytes.
const maxName = 200

// checkName holds what becomes part of a key to one plain segment: letters,
// digits, ".", "_" and "-", the first a letter or digit. No path leads out of
// its place that way, and every file system can hold it.
func checkName(what, name string) error {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(c rune) bool {
		return !alphanumeric(c) && c != '.' && c != '_' && c != '-'
	}) || !alphanumeric(rune(name[0])) {
		return fmt.Errorf("store: %q cannot name a %s: use letters, digits, \".\", \"_\" and \"-\", at most %d, and start with a letter or digit",
			name, what, maxName)
	}
	return nil
}

func alphanumeric(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func runKey(id RunID, rest string) (string, error) {
	return "runs/" + string(id) + "/" + rest, checkName("run", string(id))
}

func stepKey(id RunID, step StepName, shard int) (string, error) {
	if err := checkName("step", string(step)); err != nil {
		return "", err
	}
	if shard < 0 {
		return "", fmt.Errorf("store: step %s has no shard %d", step, shard)
	}
	return runKey(id, "steps/"+string(step)+"/"+strconv.Itoa(shard)+".json")
}

func memoKey(key WorkKey) (string, error) {
	return "memo/" + string(key) + ".json", checkName("piece of work", string(key))
}
