package problem

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestAProblemIsNotChangedByWhatIsAdded(t *testing.T) {
	t.Parallel()
	plain := New(OTPIncorrect, "no")
	full := plain.AtField("body.otp_number").With("attempts_left", 3).WithRetryAfter(time.Minute).WithCause(errors.New("cause"))
	if plain.Field != "" || plain.Members != nil || plain.RetryAfter != 0 || plain.Unwrap() != nil {
		t.Errorf("the first problem was changed: %+v", plain)
	}
	if full.Field != "body.otp_number" || full.Members["attempts_left"] != 3 || full.RetryAfter != time.Minute {
		t.Errorf("got %+v", full)
	}
}

func TestSlugsSurviveWrapping(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("outer: %w", New(UnknownTier, "gone"))
	if !errors.Is(err, New(UnknownTier, "")) || errors.Is(err, New(NotFound, "")) {
		t.Error("errors.Is does not compare slugs")
	}
	for want, err := range map[Slug]error{UnknownTier: err, Internal: errors.New("x"), "": nil} {
		if got := SlugOf(err); got != want {
			t.Errorf("SlugOf(%v) = %s, want %s", err, got, want)
		}
	}
}
