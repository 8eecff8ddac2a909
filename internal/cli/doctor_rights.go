package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sespan/internal/postgres"
)

// checkRights looks at who owns what is in the schema and who has rights on it. What
// a DBA granted by name is a note; what belongs to another installation is wrong.
func checkRights(ctx context.Context, pool *postgres.Pool) (string, error) {
	i, strangers, err := pool.Strangers(ctx)
	if err != nil {
		return "", err
	}
	var wrong, known []string
	for _, s := range strangers {
		where := s.First
		if s.Objects > 1 {
			where += fmt.Sprintf(" and %d more", s.Objects-1)
		}
		switch {
		case s.Owns:
			wrong = append(wrong, fmt.Sprintf("%s owns %s", s.Role, where))
		case s.Other:
			wrong = append(wrong, fmt.Sprintf("%s of another installation has %s on %s", s.Role, s.Rights, where))
		default:
			known = append(known, fmt.Sprintf("%s has %s on %s", s.Role, s.Rights, where))
		}
	}
	who := fmt.Sprintf("the roles %s… alone", i.RolePrefix)
	switch {
	case len(wrong) > 0:
		return "", errors.New(strings.Join(append(wrong, known...), "; ") + fmt.Sprintf("; everything belongs to %sowner: ALTER … OWNER TO it, REVOKE the rest, then sespan migrate up", i.RolePrefix))
	case len(known) > 0:
		return "", note("granted by name beside " + strings.TrimSuffix(who, " alone") + ": " + strings.Join(known, "; "))
	}
	return who, nil
}
