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
