package address_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sespan/internal/address"
	"sespan/internal/devtools/addresstest"
)

func TestOneMailboxHasOneKeyAndOneMailbox(t *testing.T) {
	t.Parallel()
	all := addresstest.Spellings()
	require.Len(t, all, 128)
	for _, s := range all {
		key, err := address.Key(s)
		require.NoError(t, err)
		require.Equal(t, "victim@example.com", key, "%+q", s)
		mailbox, err := address.Mailbox(s)
		require.NoError(t, err)
		require.Equal(t, "victim@example.com", mailbox, "%+q", s)
	}
}

// Each is of the same key; without letters beyond ASCII there is one.
func TestSpellingsAreOfOneKey(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"INFO@mail-in.com"}, address.Spellings("INFO@MAIL-IN.com"))
	require.Contains(t, address.Spellings("jörg@xn--bcher-kva.example"), "JÖRG@BÜCHER.EXAMPLE")
	for _, s := range []string{"jörg@xn--bcher-kva.example", "x@FAß.de", "groß@maıl.example", "İ@x.co", "x@xn--invalid-.example", "nobody"} {
		for _, other := range address.Spellings(s) {
			require.True(t, address.Same(s, other), "%s and %s", s, other)
		}
	}
}
