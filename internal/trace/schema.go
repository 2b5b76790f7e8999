package trace

import (
	"embed"
	"fmt"
)

// Kinds of files that are read here, as Schema names them: a trace of a benchmark is one
// file, and so are the answers to it; a reward row is one line.
func Kinds() []string { return []string{"Scenes", "Seeds", "Trace", "Answers", "RewardRow"} }

//go:embed schemas
var schemas embed.FS

// Schema is the JSON Schema (draft 2020-12) of a kind of file. It says what an editor can
// check; what entries have to do with each other, only the reader knows.
func Schema(kind string) ([]byte, error) {
	data, err := schemas.ReadFile("schemas/" + kind + ".json")
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", kind, err)
	}
	return data, nil
}
