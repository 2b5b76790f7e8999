package checkpoint_test

import (
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/checkpoint"
)

// A header is taken when the reader of safetensors takes it, and its tensors hold
// something.
func TestSafetensorsByTheRulesOfTheFormat(t *testing.T) {
	for name, c := range map[string]struct {
		header, want string // want "": it is taken
		data         int
	}{
		"a scalar":         {`{"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}`, "", 8},
		"in any order":     {`{"b":{"shape":[2],"data_offsets":[4,8],"dtype":"F16","note":{"x":[1]}},"a":{"dtype":"I32","shape":[1,1],"data_offsets":[0,4]}}`, "", 8},
		"half bytes":       {`{"a":{"dtype":"F4","shape":[3,2],"data_offsets":[0,3]}}`, "", 3},
		"spaces around":    {" {\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}} \n", "", 1},
		"too few bytes":    {`{"a":{"dtype":"F32","shape":[1000,1000],"data_offsets":[0,4]}}`, `the tensor "a" has 4 bytes, and its shape [1000 1000] of type F32 needs 4,000,000`, 4},
		"too many bytes":   {`{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,4]}}`, `has 4 bytes, and its shape [1] of type F16 needs 2`, 4},
		"a part of a byte": {`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, "ends within a byte", 2},
		"overflow":         {`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, "beyond all bounds", 0},
		"hole":             {`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}`, `1 bytes before the tensor "b" belong to none`, 4},
		"hole at first":    {`{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}`, `2 bytes before the tensor "a" belong to none`, 4},
		"overlap":          {`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}`, `the tensor "b" overlaps the one before`, 4},
		"one in another":   {`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, "overlaps the one before", 4},
		"unknown type":     {`{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}`, `has the type "F33", which safetensors does not have`, 4},
		"small letters":    {`{"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}`, `has the type "f32"`, 4},
		"capital field":    {`{"a":{"DTYPE":"F32","shape":[1],"data_offsets":[0,4]}}`, `describes the tensor "a" badly`, 4},
		"repeated field":   {`{"a":{"dtype":"F32","shape":[2],"shape":[1],"data_offsets":[0,4]}}`, `describes the tensor "a" badly`, 4},
		"repeated tensor":  {`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}`, `the tensor "a" twice`, 4},
		"a fraction":       {`{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}`, `describes the tensor "a" badly`, 4},
		"a number in text": {`{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}`, `describes the tensor "a" badly`, 4},
		"null in a shape":  {`{"a":{"dtype":"F32","shape":[null],"data_offsets":[0,0]}}`, `describes the tensor "a" badly`, 0},
		"no shape":         {`{"a":{"dtype":"F32","shape":null,"data_offsets":[0,4]}}`, `describes the tensor "a" badly`, 4},
		"three offsets":    {`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}`, `describes the tensor "a" badly`, 4},
		"backwards":        {`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, `describes the tensor "a" badly`, 4},
		"metadata":         {`{"__metadata__":{"n":1},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "not the JSON of safetensors", 1},
		"null metadata":    {`{"__metadata__":{"n":null},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, `metadata "n" is not a text`, 1},
		"not UTF-8":        {"{\"a\xff\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "not UTF-8", 1},
		"zeros after":      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}\x00\x00", "goes on after", 1},
		"all empty":        {`{"a":{"dtype":"BF16","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"BF16","shape":[0],"data_offsets":[0,0]}}`, `2 of its 2 tensors hold no weights: the first, "a", is empty (shape [0]); gather the weights before saving`, 0},
		"one empty":        {`{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]},"b":{"dtype":"BF16","shape":[4,0],"data_offsets":[2,2]}}`, `1 of its 2 tensors hold no weights: the first, "b", is empty (shape [4 0])`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := checkpoint.Inspect(folder(with(lora, "adapter_model.safetensors", raw(c.header, c.data))), "")
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), "adapter_model.safetensors: ") || !strings.Contains(err.Error(), c.want)):
				t.Errorf("no %q in: %v", c.want, err)
			}
		})
	}
}
