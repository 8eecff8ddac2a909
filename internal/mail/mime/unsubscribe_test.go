package mime

import (
	"strings"
	"testing"
)

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	const one, post = "List-Unsubscribe", "List-Unsubscribe-Post"
	const click = "List-Unsubscribe=One-Click"
	for name, c := range map[string]struct {
		headers map[string]string
		field   string // "" when it is valid
	}{
		"one-click":      {map[string]string{one: "<https://shop.example/u/1>", post: click}, ""},
		"both":           {map[string]string{one: "<mailto:u@shop.example?subject=x>, <https://shop.example/u/1>", post: click}, ""},
		"another case":   {map[string]string{"list-unsubscribe": "<https://shop.example/u>", "LIST-UNSUBSCRIBE-POST": click}, ""},
		"by mail":        {map[string]string{one: "<mailto:u@shop.example>"}, ""},
		"a page":         {map[string]string{one: "<http://shop.example/u>"}, ""},
		"alone":          {map[string]string{post: click}, "headers.List-Unsubscribe-Post"},
		"other value":    {map[string]string{one: "<https://shop.example/u>", post: "yes"}, "headers.List-Unsubscribe-Post"},
		"no https":       {map[string]string{one: "<http://shop.example/u>", post: click}, "headers.List-Unsubscribe"},
		"only mail":      {map[string]string{one: "<mailto:u@shop.example>", post: click}, "headers.List-Unsubscribe"},
		"no brackets":    {map[string]string{one: "https://shop.example/u"}, "headers.List-Unsubscribe"},
		"empty":          {map[string]string{one: ""}, "headers.List-Unsubscribe"},
		"no host":        {map[string]string{one: "<https:///u>"}, "headers.List-Unsubscribe"},
		"script":         {map[string]string{one: "<javascript:alert(1)>"}, "headers.List-Unsubscribe"},
		"two in one":     {map[string]string{one: "<https://a.example/<b>>"}, "headers.List-Unsubscribe"},
		"beyond ASCII":   {map[string]string{one: "<https://shöp.example/u>", post: click}, "headers.List-Unsubscribe"},
		"comma inside":   {map[string]string{one: "<https://shop.example/u?a,b>,<mailto:u@b.co>", post: click}, ""},
		"comma at end":   {map[string]string{one: "<https://shop.example/u>,"}, "headers.List-Unsubscribe"},
		"no comma":       {map[string]string{one: "<https://shop.example/u> <mailto:u@b.co>"}, "headers.List-Unsubscribe"},
		"none":           {nil, ""},
		"another header": {map[string]string{"List-Id": "news"}, ""},
	} {
		content := codeContent()
		content.Headers = c.headers
		out, err := Compose(content)
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.field != "" && (err == nil || !strings.HasPrefix(err.Error(), c.field+":")):
			t.Errorf("%s: %v, want %s", name, err, c.field)
		case c.field == "" && c.headers[post] != "" && !strings.Contains(string(out), "\r\n"+post+": "+click+"\r\n"):
			t.Errorf("%s: the header is not there", name)
		}
	}
}
