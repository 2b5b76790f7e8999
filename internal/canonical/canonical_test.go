package canonical

import "testing"

func TestJSON(t *testing.T) {
	type inner struct {
		Z int     `json:"z"`
		A float64 `json:"a"`
	}
	for _, c := range []struct {
		in   any
		want string
	}{
		{map[string]any{"b": 1, "a": []int{2, 1}}, `{"a":[2,1],"b":1}`},
		{inner{1, 0.1}, `{"a":0.1,"z":1}`},
		{inner{1 << 53, 1e21}, `{"a":1e+21,"z":9007199254740992}`},
		{"<&> \u2028é", "\"<&> \u2028é\""},
		{[]any{nil, true, 0.0, 300.0}, `[null,true,0,300]`},
	} {
		got, err := JSON(c.in)
		if err != nil || string(got) != c.want {
			t.Errorf("%v: got %s (%v), want %s", c.in, got, err, c.want)
		}
	}
	if _, err := JSON(func() {}); err == nil {
		t.Error("a func has no JSON")
	}
}
