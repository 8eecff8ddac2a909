package httpapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStrictJSON(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}`:                 nil,
		`{"a":"b","b":"a"}`:                                         nil,
		`[1,[2],{},"a","a"]`:                                        nil,
		`"a"`:                                                       nil,
		`{"a":1,"a":1}`:                                             errRepeated,
		`{"email":"a@b.co","Email":"c@d.co"}`:                       errRepeated,
		`{"order_ref":"A","order_\u0072ef":"B"}`:                    errRepeated,
		"{\"status\":1,\"\u017ftatus\":2}":                          errRepeated, // encoding/json folds ſ to s
		`{"tiers":[{"name":"a","discount":"1","NAME":"b"}]}`:        errRepeated,
		`{"data":{"x":1,"x":2}}`:                                    errRepeated,
		"{\"a\":\"\xff\"}":                                          errNotUTF8,
		"{\"a\":\"\xed\xa0\x80\"}":                                  errNotUTF8, // a surrogate
		strings.Repeat("[", 32) + strings.Repeat("]", 32):           nil,
		strings.Repeat("[", 33) + strings.Repeat("]", 33):           errTooDeep,
		strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40): errTooDeep,
	} {
		var into any
		err := jsonFormat().Unmarshal([]byte(body), &into)
		require.ErrorIs(t, err, want, body)
	}
	many := strings.Builder{}
	for i := range 257 {
		fmt.Fprintf(&many, `,"n%d":1`, i)
	}
	var into any
	require.ErrorIs(t, jsonFormat().Unmarshal([]byte("{"+many.String()[1:]+"}"), &into), errTooMany)
	var names struct{ A int }
	require.NoError(t, jsonFormat().Unmarshal([]byte(`{"a":7}`), &names))
	assert.Equal(t, 7, names.A)
	for _, body := range []string{``, `{`, `{"a"}`, `{"a":1}}`, `{"a":1} {"a":1}`, `{1:2}`, `{"a":01}`, `nul`} {
		var into any
		require.Error(t, jsonFormat().Unmarshal([]byte(body), &into), body)
	}
}
