package mail

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestCodesOfferNoUnsubscribing: a button of the mailbox provider must not end them.
func TestCodesOfferNoUnsubscribing(t *testing.T) {
	t.Parallel()
	c := &Claimed{MessageID: 7, Recipient: "a@b.co", Stored: &Stored{
		Sealed: []byte{1}, Headers: []byte(`{"list-unsubscribe":"<https://x.example>","List-Unsubscribe-Post":"List-Unsubscribe=One-Click","X-A":"b"}`),
	}}
	got, err := contentOf(c, "s@b.co", func(string, []byte) ([]byte, error) { return []byte(`{"text":"123456"}`), nil })
	if err != nil || len(got.Headers) != 2 || got.Headers["X-A"] != "b" || got.Headers["Auto-Submitted"] != "auto-generated" {
		t.Errorf("%v %v", got.Headers, err)
	}
}

func TestContentOfASealedMailNeedsItsKey(t *testing.T) {
	t.Parallel()
	c := &Claimed{MessageID: 7, Recipient: "a@b.co", Stored: &Stored{Sealed: []byte{1}}}
	if _, err := contentOf(c, "s@b.co", nil); !errors.Is(err, errSealed) {
		t.Errorf("without keys: %v", err)
	}
	_, err := contentOf(c, "s@b.co", func(string, []byte) ([]byte, error) { return []byte("code 123456"), nil })
	if err == nil || strings.Contains(err.Error(), "123456") {
		t.Errorf("a body that is no JSON: %v", err)
	}
}

func TestContentKeepsItsMessageID(t *testing.T) {
	t.Parallel()
	c := &Claimed{MessageID: 7, CreatedAt: time.Unix(1, 0), Stored: &Stored{Text: "x"}}
	first, err := contentOf(c, "Shop <shop@b.co>", nil)
	if err != nil || first.MessageID != "<7.lfls@b.co>" {
		t.Errorf("%q, %v", first.MessageID, err)
	}
	c.Stored.Sender = "Büro <x@bücher.example>"
	if other, _ := contentOf(c, "", nil); other.MessageID != "<7.lfls@sespan.invalid>" {
		t.Errorf("%q", other.MessageID)
	}
}

func TestContentDecodesAttachments(t *testing.T) {
	t.Parallel()
	c := &Claimed{Stored: &Stored{Attachments: []byte(`[{"filename":"a","content":"aGFs\nbG8 =","content_id":"<x>"}]`)}}
	got, err := contentOf(c, "s@b.co", nil)
	if err != nil || len(got.Attachments) != 1 || string(got.Attachments[0].Data) != "hallo" || got.Attachments[0].ContentID != "x" {
		t.Errorf("%+v, %v", got.Attachments, err)
	}
}

func TestSealedBodyReadsWhatJSONReads(t *testing.T) {
	t.Parallel()
	plain := []string{
		`{"text":"a","html":"b"}`, `{"text":"a\n\"q\" \\ \/ \t","html":"<b>ü</b>"}` + "\n", `{"html":"b","text":"a"}`, `{ "text": "a" }`,
		`{"text":"\u003cb\u003e \ud83d\ude00","html":""}`, `{"text":"a","html":"b"} x`, `{"text":"a","html":"b`, `{"text":"a\`, `{"text":"a\x","html":"b"}`,
		`{"text":"","html":""}`, ``, `{}`, `"text"`,
	}
	for _, p := range plain {
		var want struct{ Text, HTML string }
		wantErr := json.Unmarshal([]byte(p), &want)
		text, html, err := parseBody([]byte(p))
		if (err != nil) != (wantErr != nil) || err == nil && (text != want.Text || html != want.HTML) {
			t.Errorf("%q: %q %q %v, want %+v %v", p, text, html, err, want, wantErr)
		}
	}
	if _, _, ok := parseServiceBody([]byte(plain[1])); !ok {
		t.Error("the service's own form is not read directly")
	}
}
