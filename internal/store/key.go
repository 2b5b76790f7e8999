package store

import (
	"fmt"
	"strconv"
	"strings"
)

// A record is what is stored at a key that its own fields give.
type record interface{ key() (string, error) }

func (r Run) key() (string, error) { return runKey(r.ID, "run.json") }

func (r Step) key() (string, error) { return shardKey(r.Run, "steps", r.Step, r.Shard) }

// A memo is a step's record where it is found by its work.
type memo Step

func (r memo) key() (string, error) {
	return "memo/" + string(r.WorkKey) + ".json", checkName("piece of work", string(r.WorkKey))
}

func (r Seal) key() (string, error) { return runKey(r.Run, "seal.json") }

func (b beat) key() (string, error) { return runKey(b.Run, "alive.json") }

func (c Checkpoint) key() (string, error) {
	if err := checkName("checkpoint", c.Name); err != nil {
		return "", err
	}
	return runKey(c.Run, "checkpoints/"+c.Name+".json")
}

func (f failureRecord) key() (string, error) { return shardKey(f.Run, "failures", f.Step, f.Shard) }

func (e Spend) key() (string, error) {
	if e.Number < 1 {
		return "", fmt.Errorf("store: the account of run %s has no entry %d", e.Account, e.Number)
	}
	return runKey(e.Account, "spend/"+strconv.Itoa(e.Number)+".json")
}

func (n Note) key() (string, error) { return numberedKey("notes/", "run", string(n.Run), n.Number) }

func (t Tag) key() (string, error) { return numberedKey("tags/", "tag", t.Name, t.Number) }

func numberedKey(folder, what, name string, n int) (string, error) {
	return folder + name + "/" + strconv.Itoa(n) + ".json", checkName(what, name)
}

func runKey(id RunID, rest string) (string, error) {
	return "runs/" + string(id) + "/" + rest, checkName("run", string(id))
}

func shardKey(id RunID, kind string, step StepName, shard int) (string, error) {
	if err := checkName("step", string(step)); err != nil {
		return "", err
	}
	if shard < 0 {
		return "", fmt.Errorf("store: step %s has no shard %d", step, shard)
	}
	return runKey(id, kind+"/"+string(step)+"/"+strconv.Itoa(shard)+".json")
}

// StepKey is where the record of a shard lies.
func StepKey(id RunID, step StepName, shard int) (string, error) {
	return Step{Run: id, Step: step, Shard: shard}.key()
}

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
