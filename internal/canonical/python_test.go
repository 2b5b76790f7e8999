package canonical

import "testing"

func TestWhatPythonWritesBecomesJSON(t *testing.T) {
	for data, want := range map[string][2]string{
		`{"a":NaN,"b":[-Infinity,Infinity]}`:   {`{"a":null,"b":[null,null]}`, `{"a":null,"b":[null,null]}`},
		`{"NaN":"\"NaN\\","b":"Infinity"}`:     {`{"NaN":"\"NaN\\","b":"Infinity"}`, `{"NaN":"\"NaN\\","b":"Infinity"}`},
		"{\n\t\"a\": \"x\ny\",\n\t\"b\": NaN}": {"{\n\t\"a\": \"x\ny\",\n\t\"b\": null}", "{\n\t\"a\": \"x\\u000ay\",\n\t\"b\": null}"},
		`{"a":1}`:                              {`{"a":1}`, `{"a":1}`},
		`"NaN\`:                                {`"NaN\`, `"NaN\`},
		"":                                     {"", ""},
	} {
		for i, controls := range []bool{false, true} {
			if got := string(FromPython([]byte(data), controls)); got != want[i] {
				t.Errorf("%q, %v: %q", data, controls, got)
			}
		}
	}
}
