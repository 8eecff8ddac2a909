package mail

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnnouncementsAreReadBack(t *testing.T) {
	t.Parallel()
	for _, id := range []int64{1 << 10, 7<<10 + 1023, 9007199254740990<<10 + 5} {
		for lane := range Lane(Lanes) {
			a := Announcement{Installation: uuid.New(), QueueID: id, Lane: lane, At: time.Now().UTC().Truncate(time.Microsecond)}
			text := a.Encode()
			assert.LessOrEqual(t, len(text), MaxAnnouncement)
			got, err := DecodeAnnouncement(text)
			require.NoError(t, err)
			assert.Equal(t, a, got)
		}
	}
}

func TestWhatIsNoAnnouncement(t *testing.T) {
	t.Parallel()
	good := string(Announcement{Installation: uuid.New(), QueueID: 5 << 10, At: time.Now()}.Encode())
	for _, text := range []string{
		"", "null", "[]", "{}", "\xff", good[:len(good)-2], good + strings.Repeat(" ", MaxAnnouncement),
		strings.Replace(good, `"1.0"`, `"0.3"`, 1), strings.Replace(good, "ready.v1", "ready.v2", 1),
		strings.Replace(good, "urn:uuid:", "urn:isbn:", 1), strings.Replace(good, `"mail":5`, `"mail":0`, 1),
		strings.Replace(good, `"mail":5`, `"mail":9223372036854775807`, 1), strings.Replace(good, `"mail":5`, `"mail":5e99`, 1),
		strings.Replace(good, `"recipient":0`, `"recipient":1024`, 1), strings.Replace(good, `"recipient":0`, `"recipient":-1`, 1),
		strings.Replace(good, `"urgent"`, `"Urgent"`, 1),
	} {
		_, err := DecodeAnnouncement([]byte(text))
		assert.Error(t, err, text)
	}
}

func TestEachPriorityHasALane(t *testing.T) {
	t.Parallel()
	names := ""
	for p := range Priorities {
		names += LaneOf(p).String()[:1]
	}
	assert.Equal(t, "uuuunnnbbb", names)
}
