package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// edits makes records other valid JSON, which is found without any key.
func (v *victim) edits() {
	v.Helper()
	first := func(prefix string) (string, []byte) {
		for _, key := range v.parts {
			if strings.HasPrefix(key, prefix) && bytes.Contains(v.objects[key], []byte(`"usage"`)) {
				return key, v.objects[key]
			}
		}
		v.Fatal("no " + prefix)
		return "", nil
	}
	memo, was := first("memo/")
	seal := "runs/small-1/seal.json"
	alone := func(key, field string, to any) map[string][]byte {
		return map[string][]byte{key: edited(v.T, v.objects[key], field, to)}
	}
	for name, c := range map[string]struct {
		changed map[string][]byte
		told    string
	}{
		"a memo's time":      {alone(memo, "started", "1926-11-29T11:55:42.841Z"), memo},
		"a memo's account":   {alone(memo, "usage", map[string]int{"calls": 1}), memo},
		"a memo's blobs":     {alone(memo, "stored", map[string]int{}), memo},
		"a memo of no run":   {map[string][]byte{memo: bytes.Replace(was, []byte(`"small-1"`), []byte(`"evil-1"`), 1)}, memo},
		"the binding is out": {alone(seal, "binding", nil), seal},
		"when it ended":      {alone(seal, "finished", "2020-01-01T00:00:00.000Z"), seal},
	} {
		if !tells(v.problems(v.copied(c.changed), false), c.told) {
			v.Errorf("%s is not found", name)
		}
	}
}

// edited is a record with another value of a field; nil takes it out.
func edited(t *testing.T, data []byte, field string, to any) []byte {
	t.Helper()
	var record map[string]any
	if err := json.Unmarshal(data, &record); err != nil {
		t.Fatal(err)
	}
	record[field] = to
	if to == nil {
		delete(record, field)
	}
	data, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(data, '\n')
}
